/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// encode writes a value as PostgreSQL reads it, see Query; nil is NULL. It leaves to the server what a text means to a
// type: that loses nothing, and the server says best what it can't read.
func (t types) encode(oid uint32, value any) ([]byte, error) {
	if value == nil {
		return nil, nil
	}
	text, err := t.encodeText(oid, value)
	return []byte(text), err
}

func (t types) encodeText(oid uint32, value any) (string, error) {
	switch v := value.(type) {
	case string:
		// A bytea is read as its bytes, so that this is how it is written.
		if oid == pgtype.ByteaOID {
			return `\x` + hex.EncodeToString([]byte(v)), nil
		}
		return v, nil
	case []byte:
		return `\x` + hex.EncodeToString(v), nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return floatText(v), nil
	case []any:
		if !isJSON(oid) {
			return t.arrayText(oid, v)
		}
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("make JSON: %w", err)
	}
	return string(encoded), nil
}

// floatText writes whole numbers without an exponent, which no type of integers takes.
func floatText(f float64) string {
	const most = 1e18
	if f == math.Trunc(f) && math.Abs(f) < most {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func isJSON(oid uint32) bool { return oid == pgtype.JSONOID || oid == pgtype.JSONBOID }

// arrayText writes an array as PostgreSQL does, such as {1,NULL,"a b"}. A list in a list is another dimension.
func (t types) arrayText(oid uint32, items []any) (string, error) {
	itemOID := t.item(oid)
	texts := make([]string, len(items))
	for i, item := range items {
		text, err := t.itemText(oid, itemOID, item)
		if err != nil {
			return "", err
		}
		texts[i] = text
	}
	return "{" + strings.Join(texts, ",") + "}", nil
}

var quoteItem = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func (t types) itemText(oid, itemOID uint32, item any) (string, error) {
	if item == nil {
		return "NULL", nil
	}
	if list, ok := item.([]any); ok && !isJSON(itemOID) {
		return t.arrayText(oid, list)
	}
	text, err := t.encodeText(itemOID, item)
	return `"` + quoteItem.Replace(text) + `"`, err
}
