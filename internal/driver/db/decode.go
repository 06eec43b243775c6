/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// decode makes a plain Go value of one that the server wrote, see Query. What it can't make anything of stays a text.
func (t types) decode(oid uint32, raw []byte) any {
	if raw == nil {
		return nil
	}
	text := string(raw)
	switch oid {
	case pgtype.BoolOID:
		return text == "t"
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i
		}
	case pgtype.Float4OID, pgtype.Float8OID:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	case pgtype.NumericOID:
		return numeric(text)
	case pgtype.ByteaOID:
		if decoded, err := hex.DecodeString(strings.TrimPrefix(text, `\x`)); err == nil {
			return decoded
		}
	case pgtype.JSONOID, pgtype.JSONBOID:
		return decodeJSON(text)
	case pgtype.TimestampOID:
		return timestamp(text)
	case pgtype.TimestamptzOID:
		return instant(text)
	}
	if item := t.item(oid); item != 0 {
		return t.decodeArray(item, text)
	}
	return text
}

// decodeJSON keeps the digits of numbers.
func decodeJSON(text string) any {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return text
	}
	return value
}

// timestamp puts the date and the time together as RFC 3339 does. A time before Christ has something behind it.
func timestamp(text string) string {
	date, clock, ok := strings.Cut(text, " ")
	if !ok || strings.Contains(clock, " ") {
		return text
	}
	return date + "T" + clock
}

// instant is a time in RFC 3339, in UTC. PostgreSQL writes offsets as short as they can be.
func instant(text string) string {
	for _, offset := range []string{"-07", "-07:00", "-07:00:00"} {
		if t, err := time.Parse("2006-01-02 15:04:05"+offset, text); err == nil {
			return t.UTC().Format(time.RFC3339Nano)
		}
	}
	return text
}

// numeric is a number if a double holds it exactly, to the last digit that is written, else its digits.
func numeric(digits string) any {
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

// maxDimensions is how many dimensions an array of PostgreSQL has at most.
const maxDimensions = 6

// arrayReader reads an array as PostgreSQL writes it, such as {1,NULL,"a b"} or {{1,2},{3,4}}.
type arrayReader struct {
	text string
	item func(raw []byte) any
}

// decodeArray returns the list that an array is, and the text itself if it is none.
func (t types) decodeArray(item uint32, text string) any {
	r := arrayReader{text: text, item: func(raw []byte) any { return t.decode(item, raw) }}
	// An array whose indexes don't begin with 1 has its bounds before it: [0:1]={1,2}.
	if strings.HasPrefix(text, "[") {
		_, r.text, _ = strings.Cut(text, "=")
	}
	list, ok := r.list(1)
	if !ok || r.text != "" {
		return text
	}
	return list
}

func (r *arrayReader) skip(c byte) bool {
	if r.text == "" || r.text[0] != c {
		return false
	}
	r.text = r.text[1:]
	return true
}

func (r *arrayReader) list(depth int) ([]any, bool) {
	list := []any{}
	if depth > maxDimensions || !r.skip('{') {
		return nil, false
	}
	if r.skip('}') {
		return list, true
	}
	for {
		value, ok := r.value(depth)
		if !ok {
			return nil, false
		}
		list = append(list, value)
		if r.skip('}') {
			return list, true
		}
		if !r.skip(',') {
			return nil, false
		}
	}
}

func (r *arrayReader) value(depth int) (any, bool) {
	if strings.HasPrefix(r.text, "{") {
		return r.list(depth + 1)
	}
	if r.skip('"') {
		raw, ok := r.quoted()
		return r.item(raw), ok
	}
	end := strings.IndexAny(r.text, ",}")
	if end <= 0 {
		return nil, false
	}
	raw := r.text[:end]
	r.text = r.text[end:]
	if raw == "NULL" {
		return nil, true
	}
	return r.item([]byte(raw)), true
}

func (r *arrayReader) quoted() ([]byte, bool) {
	raw := strings.Builder{}
	for i := 0; i < len(r.text); i++ {
		switch r.text[i] {
		case '"':
			r.text = r.text[i+1:]
			return []byte(raw.String()), true
		case '\\':
			i++
		}
		if i < len(r.text) {
			raw.WriteByte(r.text[i])
		}
	}
	return nil, false
}
