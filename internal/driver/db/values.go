/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

func marshalJSON(value any) ([]byte, error) { return json.Marshal(value) }

// unmarshalJSON keeps the digits of numbers.
func unmarshalJSON(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}

// plain makes a plain Go value of one that pgx read, see Query.
func plain(oid uint32, value any) any {
	switch v := value.(type) {
	case nil, bool, string, int64, float64, []byte, map[string]any:
		return v
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint32:
		return int64(v)
	case float32:
		return float64(v)
	case time.Time:
		return timeText(oid, v)
	case [16]byte:
		return fmt.Sprintf("%x-%x-%x-%x-%x", v[0:4], v[4:6], v[6:8], v[8:10], v[10:16])
	case pgtype.Numeric:
		return numeric(v)
	case []any:
		if oid == pgtype.JSONOID || oid == pgtype.JSONBOID {
			return v
		}
		return array(oid, v)
	case json.Number:
		return v
	}
	return text(value)
}

// array converts the items of an array. The items of an array of dates are dates, and so on.
func array(oid uint32, items []any) []any {
	itemOID := map[uint32]uint32{
		pgtype.DateArrayOID:        pgtype.DateOID,
		pgtype.TimestampArrayOID:   pgtype.TimestampOID,
		pgtype.TimestamptzArrayOID: pgtype.TimestamptzOID,
	}[oid]
	converted := make([]any, len(items))
	for i, item := range items {
		converted[i] = plain(itemOID, item)
	}
	return converted
}

func timeText(oid uint32, t time.Time) string {
	switch oid {
	case pgtype.DateOID:
		return t.Format(time.DateOnly)
	case pgtype.TimestampOID:
		return t.Format("2006-01-02T15:04:05.999999")
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// numeric is a number if a double holds it exactly, to the last digit that is written, else its digits.
func numeric(n pgtype.Numeric) any {
	value, err := n.Value()
	digits, ok := value.(string)
	if err != nil || !ok {
		return nil
	}
	if i, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return i
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return digits
	}
	// A double holds every decimal number of up to 15 digits.
	const exact = 15
	if math.IsNaN(f) || math.IsInf(f, 0) || significant(digits) <= exact {
		return f
	}
	return digits
}

func significant(digits string) int {
	count := 0
	for _, c := range digits {
		if c >= '1' && c <= '9' || c == '0' && count > 0 {
			count++
		}
	}
	return count
}

// text is what a value of another type looks like in PostgreSQL.
func text(value any) any {
	if valuer, ok := value.(driver.Valuer); ok {
		if v, err := valuer.Value(); err == nil {
			return v
		}
	}
	return fmt.Sprint(value)
}
