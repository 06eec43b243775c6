/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/topas-dev/topas/test/servers/postgres"
)

// FuzzDecode reads what no server would write.
func FuzzDecode(f *testing.F) {
	oids := []uint32{
		pgtype.BoolOID, pgtype.Int8OID, pgtype.Float4OID, pgtype.NumericOID, pgtype.ByteaOID, pgtype.JSONBOID, pgtype.DateOID,
		pgtype.TimestampOID, pgtype.TimestamptzOID, pgtype.TextArrayOID, pgtype.ByteaArrayOID, pgtype.JSONBArrayOID, pgtype.NumericArrayOID, 0,
	}
	for _, text := range []string{"t", "-1", "1e400", "NaN", `\x0g`, `{"a":[1]}`, "2026-01-02 03:04:05.6+05:30", "infinity", `{1,NULL,"a\"b",{2}}`, "[0:1]={1,2}", `{{{{{{{1}}}}}}}`, `{"\`} {
		f.Add(text)
	}
	known := newTypes(pgtype.NewMap())
	f.Fuzz(func(t *testing.T, text string) {
		for _, oid := range oids {
			value := known.decode(oid, []byte(text))
			if _, err := known.encode(oid, value); err != nil {
				t.Errorf("type %d: %q is read as %#v, which can't be written: %v", oid, text, value, err)
			}
		}
	})
}

// FuzzArray writes arrays and reads them again.
func FuzzArray(f *testing.F) {
	f.Add("a", "b c", `"\{},`, 1, false)
	f.Add("", "NULL", "\x00\xff", 0, true)
	known := newTypes(pgtype.NewMap())
	f.Fuzz(func(t *testing.T, a, b, c string, depth int, bytes bool) {
		oid, item := uint32(pgtype.TextArrayOID), func(s string) any { return s }
		if bytes {
			oid, item = pgtype.ByteaArrayOID, func(s string) any { return []byte(s) }
		}
		list := []any{item(a), nil, item(b), item(c)}
		for range uint(depth) % maxDimensions {
			list = []any{list, list}
		}
		text, err := known.encode(oid, list)
		if err != nil {
			t.Fatal(err)
		}
		if got := known.decode(oid, text); !reflect.DeepEqual(got, any(list)) {
			t.Errorf("%q is read as %#v, want %#v", text, got, list)
		}
	})
}

// FuzzValues has a server keep values of all kinds.
func FuzzValues(f *testing.F) {
	f.Add("a", int64(1), 0.5, true)
	f.Add(`"\'`, int64(math.MinInt64), math.Inf(-1), false)
	f.Add("\x00\xff", int64(math.MaxInt64), 5e-324, true)
	f.Add("", int64(-1), 1e18, true)
	client := NewClient(app{"db": postgres.Start(f)}, nil)
	conn, err := client.Connect(f.Context(), Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = conn.conn.Close(f.Context()) })
	f.Fuzz(func(t *testing.T, s string, i int64, d float64, b bool) {
		// A text of PostgreSQL is UTF-8 without zeros; a bytea takes everything.
		text := strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "0")
		want := map[string]any{
			"raw": []byte(s), "text": text, "int": i, "float": d, "bool": b,
			"texts": []any{text, nil}, "ints": []any{[]any{i}, []any{nil}}, "floats": []any{d, -d},
			"json": map[string]any{"a": []any{text, b, nil}},
		}
		got, err := conn.Query(t.Context(), `SELECT $1::bytea AS raw, $2::text AS text, $3::int8 AS int, $4::float8 AS float, $5::bool AS bool,
			$6::text[] AS texts, $7::int8[] AS ints, $8::float8[] AS floats, $9::json AS json`,
			s, text, i, d, b, want["texts"], want["ints"], want["floats"], want["json"])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]map[string]any{want}, got, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("values (-want +got):\n%s", diff)
		}
	})
}
