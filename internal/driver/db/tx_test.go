/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestTxEnds(t *testing.T) {
	conn := connect(t)
	insert := func() {
		if _, err := conn.Exec(t.Context(), "INSERT INTO users (name) VALUES ($1)", "alice"); err != nil {
			t.Error(err)
		}
	}
	wrong := errors.New("wrong")
	for _, c := range []struct {
		reason string
		body   func(cancel func()) error
		want   string
	}{
		{"with an error", func(func()) error { insert(); return wrong }, "wrong"},
		{"with the context", func(cancel func()) error { insert(); cancel(); return wrong }, "wrong"},
		{"with the connection", func(func()) error {
			insert()
			_, err := conn.Exec(t.Context(), "SELECT pg_terminate_backend(pg_backend_pid())")
			if err == nil {
				t.Error("the connection was not lost")
			}
			_, err = conn.Exec(t.Context(), "SELECT 1")
			return err
		}, "the connection was lost in the middle of a transaction"},
		{"with a savepoint that failed", func(func()) error {
			insert()
			err := conn.Tx(t.Context(), func() error {
				_, _ = conn.Exec(t.Context(), "SELECT nothing")
				return nil
			})
			insertTwice := conn.Tx(t.Context(), func() error {
				_, err := conn.Exec(t.Context(), "INSERT INTO users (name) VALUES ('alice')")
				return err
			})
			if insertTwice == nil || !strings.Contains(insertTwice.Error(), "duplicate key") {
				t.Errorf("after the savepoint: %v", insertTwice)
			}
			return err
		}, "the transaction is rolled back: one of its statements failed before"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := conn.Tx(ctx, func() error { return c.body(cancel) })
			if err == nil || err.Error() != c.want {
				t.Errorf("Tx gave %v, want %s", err, c.want)
			}
			if err := conn.Expect(t.Context(), Expectation{Table: "users", Absent: true}); err != nil {
				t.Errorf("it was not rolled back: %v", err)
			}
		})
	}
}

func TestUnseedDeletesInReverse(t *testing.T) {
	conn := connect(t)
	if _, err := conn.Exec(t.Context(), `CREATE TABLE tree ("my key" char(3), day date, parent char(3), pday date, PRIMARY KEY (day, "my key"),
		FOREIGN KEY (pday, parent) REFERENCES tree (day, "my key"))`); err != nil {
		t.Fatal(err)
	}
	unseed, err := conn.Seed(t.Context(), Seeding{Table: "tree", Cleanup: true, Rows: []map[string]any{
		{"my key": "a", "day": "2026-01-02"}, {"my key": "b", "day": "2026-01-02", "parent": "a", "pday": "2026-01-02"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Expect(t.Context(), Expectation{Table: "tree", Count: new(int64(2))}); err != nil {
		t.Error(err)
	}
	if err := unseed(t.Context()); err != nil {
		t.Error(err)
	}
	if err := conn.Expect(t.Context(), Expectation{Table: "tree", Absent: true}); err != nil {
		t.Error(err)
	}
}

func TestUnseedSaysWhyARowStays(t *testing.T) {
	conn := connect(t)
	unseed, err := conn.Seed(t.Context(), Seeding{Table: "users", Cleanup: true, Rows: []map[string]any{{"id": int64(7), "name": "alice"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "INSERT INTO shop.orders VALUES (1, 7)"); err != nil {
		t.Fatal(err)
	}
	err = unseed(t.Context())
	want := `delete what was seeded into table "users": update or delete on table "users" violates foreign key constraint`
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("cleaning up gave %v", err)
	}
}
