/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Seed inserts rows into a table: all of them or, with an error, none. A column that a row leaves out gets its default.
func (c *Conn) Seed(ctx context.Context, name string, rows []map[string]any) (err error) {
	into, err := c.table(ctx, name)
	if err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	if len(rows) == 0 {
		return fmt.Errorf("seed table %q: there are no rows", name)
	}
	tx, err := c.conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("seed table %q: begin a transaction: %w", name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, rollback(ctx, tx))
		}
	}()
	for i, row := range rows {
		if err := insert(ctx, tx, into, row); err != nil {
			return fmt.Errorf("seed rows[%d]: %w", i+1, err)
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return sqlError("COMMIT", err)
	}
	return nil
}

// rollback also serves a connection that broke, or whose statement was canceled: the server rolls back by itself.
func rollback(ctx context.Context, tx pgx.Tx) error {
	if tx.Conn().IsClosed() || ctx.Err() != nil {
		return nil
	}
	if err := tx.Rollback(ctx); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}

func insert(ctx context.Context, tx pgx.Tx, into *table, row map[string]any) error {
	names, err := into.pick(row)
	if err != nil {
		return err
	}
	sql := "INSERT INTO " + into.quoted + " DEFAULT VALUES"
	args := make([]any, len(names))
	if len(names) > 0 {
		columns, places := make([]string, len(names)), make([]string, len(names))
		for i, name := range names {
			columns[i], places[i] = quoteColumn(name), fmt.Sprintf("$%d", i+1)
			args[i] = into.argument(name, row[name])
		}
		sql = fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", into.quoted, strings.Join(columns, ", "), strings.Join(places, ", "))
	}
	if _, err := tx.Exec(ctx, sql, args...); err != nil {
		return sqlError(sql, err)
	}
	return nil
}
