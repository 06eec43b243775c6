/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSeed(t *testing.T) {
	conn := connect(t)
	_, err := conn.Seed(t.Context(), Seeding{Table: "users", Rows: []map[string]any{
		{"name": "alice", "role": "admin", "age": int64(7), "tags": []any{"a", "b"}, "extra": map[string]any{"x": []any{}}, `odd "name`: "[1]"},
		{"name": int64(5), "role": nil, "tags": map[string]any{}, "extra": map[string]any{}},
		{"name": "carol"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Seed(t.Context(), Seeding{Table: "shop.orders", Rows: []map[string]any{{"id": int64(1), "user_id": int64(1)}, {}}}); err != nil {
		t.Fatal(err)
	}
	got, err := conn.Query(t.Context(), "SELECT * FROM users ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{
		{"id": int64(1), "name": "alice", "role": "admin", "age": int64(7), "tags": []any{"a", "b"},
			"extra": map[string]any{"x": []any{}}, `odd "name`: []any{json.Number("1")}},
		{"id": int64(2), "name": "5", "role": nil, "age": nil, "tags": []any{}, "extra": map[string]any{}, `odd "name`: nil},
		{"id": int64(3), "name": "carol", "role": "guest", "age": nil, "tags": nil, "extra": nil, `odd "name`: nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestSeedErrors(t *testing.T) {
	conn := connect(t)
	good := map[string]any{"name": "alice"}
	cases := []struct {
		reason, table string
		rows          []map[string]any
		want          string
	}{
		{"an unknown table", "user", []map[string]any{good}, `seed: there is no table "user": database "` + conn.address.Database + `" has shop.orders, users`},
		{"a name that is no name", `users"; DROP TABLE users; --`, []map[string]any{good}, `seed: there is no table "users\"; DROP TABLE users; --": database "` + conn.address.Database + `" has shop.orders, users`},
		{"an unknown column", "users", []map[string]any{good, {"nam": "bob"}},
			`seed rows[2]: table "users" has no column "nam": it has id, name, role, age, tags, extra, odd "name`},
		{"a value that does not fit", "users", []map[string]any{good, {"name": "bob", "age": "old"}},
			`seed rows[2]: invalid input syntax for type integer: "old" (SQLSTATE 22P02), in: INSERT INTO "users" ("age", "name") VALUES ($1, $2)`},
		{"a row that is there", "users", []map[string]any{good, good},
			`seed rows[2]: duplicate key value violates unique constraint "users_name_key": Key (name)=(alice) already exists. (SQLSTATE 23505), in: INSERT INTO "users" ("name") VALUES ($1)`},
		{"no rows", "users", nil, `seed table "users": there are no rows`},
		{"no table", "", []map[string]any{good}, "seed: the table is missing"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			_, err := conn.Seed(t.Context(), Seeding{Table: c.table, Rows: c.rows})
			if err == nil {
				t.Fatal("Seed succeeded")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if err := conn.Expect(t.Context(), Expectation{Table: "users", Absent: true}); err != nil {
				t.Errorf("some rows were kept: %v", err)
			}
		})
	}
}

func TestExpect(t *testing.T) {
	conn := connect(t)
	_, err := conn.Seed(t.Context(), Seeding{Table: "users", Rows: []map[string]any{
		{"name": "alice", "role": "admin", "age": int64(30), "extra": map[string]any{"a": int64(1), "b": nil}, `odd "name`: `{"x":1,"y":2}`},
		{"name": "bob", "role": "admin", "tags": []any{"x"}},
		{"name": "carol", "role": nil},
	}})
	if err != nil {
		t.Fatal(err)
	}
	number := func(n int64) *int64 { return &n }
	cases := []struct {
		reason string
		expect Expectation
		want   string // the text of the *Mismatch, "" if it holds
	}{
		{"one row is enough", Expectation{Table: "users", Where: map[string]any{"name": "alice", "role": "admin"}}, ""},
		{"any row will do", Expectation{Table: "users"}, ""},
		{"the number is right", Expectation{Table: "users", Where: map[string]any{"role": "admin"}, Count: number(2)}, ""},
		{"none is right", Expectation{Table: "users", Where: map[string]any{"name": "dave"}, Absent: true}, ""},
		{"zero is right", Expectation{Table: "shop.orders", Count: number(0)}, ""},
		{"NULL is compared", Expectation{Table: "users", Where: map[string]any{"role": nil}, Count: number(1)}, ""},
		{"jsonb is compared as what it means", Expectation{Table: "users", Where: map[string]any{"extra": map[string]any{"b": nil, "a": int64(1)}}}, ""},
		{"so is json", Expectation{Table: "users", Where: map[string]any{`odd "name`: map[string]any{"y": int64(2), "x": int64(1)}}}, ""},
		{"arrays are compared", Expectation{Table: "users", Where: map[string]any{"tags": []any{"x"}}}, ""},
		{"a text in a string is no number", Expectation{Table: "users", Where: map[string]any{"age": "30"}}, ""},
		{"no row", Expectation{Table: "users", Where: map[string]any{"name": "bob", "role": "guest", "age": nil}}, strings.Join([]string{
			`table "users" has 0 rows where age = NULL, name = "bob", role = "guest", expected at least 1`,
			`  nearest rows:`,
			`    age = NULL, name = "bob", role = "admin"`,
			`    age = NULL, name = "carol", role = NULL`,
			`    age = 30, name = "alice", role = "admin"`}, "\n")},
		{"too many", Expectation{Table: "users", Where: map[string]any{"role": "admin"}, Count: number(1)}, strings.Join([]string{
			`table "users" has 2 rows where role = "admin", expected 1`,
			`  nearest rows:`, `    role = "admin"`, `    role = "admin"`, `    role = NULL`}, "\n")},
		{"a row that should not be", Expectation{Table: "users", Where: map[string]any{"name": "carol"}, Absent: true}, strings.Join([]string{
			`table "users" has 1 rows where name = "carol", expected none`,
			`  nearest rows:`, `    name = "carol"`, `    name = "alice"`, `    name = "bob"`}, "\n")},
		{"an empty table", Expectation{Table: "shop.orders"}, "table \"shop.orders\" has 0 rows, expected at least 1\n  the table is empty"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			err := conn.Expect(t.Context(), c.expect)
			var mismatch *Mismatch
			got := ""
			if errors.As(err, &mismatch) {
				got = mismatch.Error()
			} else if err != nil {
				t.Fatalf("Expect gave %v, want a *Mismatch or nothing", err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExpectErrors(t *testing.T) {
	conn := connect(t)
	one := int64(1)
	cases := []struct {
		reason string
		expect Expectation
		want   string
	}{
		{"an unknown table", Expectation{Table: "shop.order"}, `expect: there is no table "shop.order": database "` + conn.address.Database + `" has shop.orders, users`},
		{"an unknown column", Expectation{Table: "shop.orders", Where: map[string]any{"user": int64(1)}}, `expect: table "shop.orders" has no column "user": it has id, user_id`},
		{"count and absent", Expectation{Table: "users", Count: &one, Absent: true}, "expect: count and absent exclude each other"},
		{"a value that does not fit", Expectation{Table: "users", Where: map[string]any{"age": "old"}},
			`expect: invalid input syntax for type integer: "old" (SQLSTATE 22P02), in: SELECT count(*) AS count FROM "users" WHERE true AND ("age" IS NOT DISTINCT FROM $1)`},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			err := conn.Expect(t.Context(), c.expect)
			var mismatch *Mismatch
			if err == nil || errors.As(err, &mismatch) {
				t.Fatalf("Expect gave %v, want an error that is no *Mismatch", err)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTruncate(t *testing.T) {
	conn := connect(t)
	for range 2 {
		if _, err := conn.Seed(t.Context(), Seeding{Table: "users", Rows: []map[string]any{{"name": "alice"}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Seed(t.Context(), Seeding{Table: "shop.orders", Rows: []map[string]any{{"user_id": int64(1)}}}); err != nil {
			t.Fatal(err)
		}
		if err := conn.Truncate(t.Context(), "users"); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"users", "shop.orders"} {
			if err := conn.Expect(t.Context(), Expectation{Table: name, Absent: true}); err != nil {
				t.Error(err)
			}
		}
	}
	if err := conn.Truncate(t.Context(), "nope"); err == nil || !strings.HasPrefix(err.Error(), `there is no table "nope"`) {
		t.Errorf("Truncate of an unknown table gave %v", err)
	}
	if err := conn.Truncate(t.Context()); err == nil {
		t.Error("Truncate of nothing succeeded")
	}
}
