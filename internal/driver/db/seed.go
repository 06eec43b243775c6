/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"context"
	"fmt"
	"strings"
)

// Seeding is what Seed inserts.
type Seeding struct {
	Table string
	// Rows have a value for each column that doesn't get its default.
	Rows []map[string]any
	// Cleanup is set if the rows are to be deleted again.
	Cleanup bool
}

// Seed inserts rows into a table: all of them or, with an error, none. With Cleanup, it returns a function that deletes
// those that are still there, the last one first. A row of a table without a primary key has to be as it was inserted.
func (c *Conn) Seed(ctx context.Context, s Seeding) (cleanup func(context.Context) error, err error) {
	into, err := c.table(ctx, s.Table)
	if err != nil {
		return nil, fmt.Errorf("seed: %w", err)
	}
	if len(s.Rows) == 0 {
		return nil, fmt.Errorf("seed table %q: there are no rows", s.Table)
	}
	var inserted []map[string]any
	err = c.Tx(ctx, func() error {
		for i, row := range s.Rows {
			found, err := c.insert(ctx, into, row, s.Cleanup)
			if err != nil {
				return fmt.Errorf("seed rows[%d]: %w", i+1, err)
			}
			inserted = append(inserted, found...)
		}
		return nil
	})
	if err != nil || !s.Cleanup {
		return nil, err
	}
	return func(ctx context.Context) error { return c.unseed(ctx, into, inserted) }, nil
}

// insert returns the columns that identify the row, as texts, if that is asked for.
func (c *Conn) insert(ctx context.Context, into *table, row map[string]any, returning bool) ([]map[string]any, error) {
	names, err := into.pick(row)
	if err != nil {
		return nil, err
	}
	sql := "INSERT INTO " + into.quoted + " DEFAULT VALUES"
	args := make([]any, len(names))
	if len(names) > 0 {
		columns, places := make([]string, len(names)), make([]string, len(names))
		for i, name := range names {
			columns[i], places[i] = quoteColumn(name), fmt.Sprintf("$%d", i+1)
			args[i] = row[name]
		}
		sql = fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", into.quoted, strings.Join(columns, ", "), strings.Join(places, ", "))
	}
	if !returning {
		return c.Query(ctx, sql, args...)
	}
	texts := make([]string, len(into.identity()))
	for i, name := range into.identity() {
		texts[i] = quoteColumn(name) + "::text"
	}
	return c.Query(ctx, sql+" RETURNING "+strings.Join(texts, ", "), args...)
}

func (c *Conn) unseed(ctx context.Context, from *table, rows []map[string]any) error {
	return c.Tx(ctx, func() error {
		for i := len(rows) - 1; i >= 0; i-- {
			if err := c.delete(ctx, from, rows[i]); err != nil {
				return fmt.Errorf("delete what was seeded into table %q: %w", from.name, err)
			}
		}
		return nil
	})
}

func (c *Conn) delete(ctx context.Context, from *table, row map[string]any) error {
	var conditions []string
	var args []any
	for i, name := range from.identity() {
		condition := fmt.Sprintf("%s::text IS NOT DISTINCT FROM $%d", quoteColumn(name), i+1)
		if from.columns[name].key {
			condition = fmt.Sprintf("%s = $%d::text::%s", quoteColumn(name), i+1, from.columns[name].kind)
		}
		conditions, args = append(conditions, condition), append(args, row[name])
	}
	// Of rows that are the same in everything, one is as good as the other.
	sql := fmt.Sprintf("DELETE FROM %[1]s WHERE (tableoid, ctid) = (SELECT tableoid, ctid FROM %[1]s WHERE %[2]s LIMIT 1)",
		from.quoted, strings.Join(conditions, " AND "))
	_, err := c.Exec(ctx, sql, args...)
	return err
}
