/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// nearestRows is how many rows a failed expectation shows.
const nearestRows = 5

// Expectation says which rows a table should have.
type Expectation struct {
	Table string
	// Where has the values that the columns of a row must have; nil is NULL. Without any, every row counts.
	Where map[string]any
	// Count is how many such rows there must be; by default at least one.
	Count *int64
	// Absent means that there must be none.
	Absent bool
}

// Mismatch is the error of an expectation that does not hold. Its text shows the rows that come nearest.
type Mismatch struct {
	text string
}

func (e *Mismatch) Error() string { return e.text }

// Expect checks a table. The error is a *Mismatch if it was checked and is not as expected.
func (c *Conn) Expect(ctx context.Context, expected Expectation) error {
	if expected.Absent && expected.Count != nil {
		return errors.New("expect: count and absent exclude each other")
	}
	from, err := c.table(ctx, expected.Table)
	if err != nil {
		return fmt.Errorf("expect: %w", err)
	}
	conditions, err := from.conditions(expected.Where)
	if err != nil {
		return fmt.Errorf("expect: %w", err)
	}
	count, err := c.count(ctx, from, conditions)
	if err != nil {
		return fmt.Errorf("expect: %w", err)
	}
	wanted, ok := expected.holds(count)
	if ok {
		return nil
	}
	nearest, err := c.nearest(ctx, from, conditions)
	if err != nil {
		return fmt.Errorf("expect: %w", err)
	}
	return &Mismatch{text: fmt.Sprintf("table %q has %d rows%s, expected %s\n%s",
		expected.Table, count, describeWhere(conditions), wanted, nearest)}
}

const (
	// expectInterval is how often ExpectEventually looks.
	expectInterval = 200 * time.Millisecond
	// lookTimeout is how long it waits for the last look when the time is over.
	lookTimeout = 5 * time.Second
)

// ExpectEventually checks a table until it is as expected. The error is a *Mismatch if it never was; a connection that
// is lost meanwhile is made anew.
func (c *Conn) ExpectEventually(ctx context.Context, expected Expectation, timeout time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	looking, cancel := context.WithTimeout(ctx, timeout+lookTimeout)
	defer cancel()
	var last error
	for {
		err := c.Expect(looking, expected)
		if err == nil {
			return nil
		}
		var mismatch *Mismatch
		if !errors.As(err, &mismatch) && !c.conn.IsClosed() {
			return err
		}
		// A look that was cut short says less than the one before it.
		if last == nil || !over(looking) {
			last = err
		}
		select {
		case <-limited.Done():
		case <-time.After(expectInterval):
			continue
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w; at last: %w", ctx.Err(), last)
		}
		return &Mismatch{text: fmt.Sprintf("not within %s; at last: %s", timeout, last)}
	}
}

// holds tells whether a number of rows is as expected, and what was expected.
func (e Expectation) holds(count int64) (wanted string, ok bool) {
	switch {
	case e.Absent:
		return "none", count == 0
	case e.Count != nil:
		return fmt.Sprint(*e.Count), count == *e.Count
	}
	return "at least 1", count > 0
}

// condition is what one column must be.
type condition struct {
	column string
	// sql is true where it holds, and never NULL.
	sql   string
	value any
}

func (t *table) conditions(where map[string]any) ([]condition, error) {
	names, err := t.pick(where)
	if err != nil {
		return nil, err
	}
	conditions := make([]condition, len(names))
	for i, name := range names {
		left, right := quoteColumn(name), fmt.Sprintf("$%d", i+1)
		// There is no equality of json, only of jsonb.
		if t.columns[name].kind == "json" {
			left, right = left+"::jsonb", right+"::jsonb"
		}
		conditions[i] = condition{
			column: name,
			sql:    fmt.Sprintf("(%s IS NOT DISTINCT FROM %s)", left, right),
			value:  where[name],
		}
	}
	return conditions, nil
}

func (c *Conn) count(ctx context.Context, from *table, conditions []condition) (int64, error) {
	parts, args := []string{"true"}, []any{}
	for _, condition := range conditions {
		parts, args = append(parts, condition.sql), append(args, condition.value)
	}
	sql := fmt.Sprintf("SELECT count(*) AS count FROM %s WHERE %s", from.quoted, strings.Join(parts, " AND "))
	rows, err := c.Query(ctx, sql, args...)
	if err != nil {
		return 0, err
	}
	count, _ := rows[0]["count"].(int64)
	return count, nil
}

// nearest describes the rows for which most conditions hold, by the columns that are compared.
func (c *Conn) nearest(ctx context.Context, from *table, conditions []condition) (string, error) {
	var shown, score []string
	var args []any
	for _, condition := range conditions {
		shown = append(shown, condition.column)
		score, args = append(score, condition.sql+"::int"), append(args, condition.value)
	}
	order := ""
	if len(conditions) > 0 {
		order = " ORDER BY " + strings.Join(score, " + ") + " DESC"
	} else {
		shown = from.order[:min(len(from.order), 8)]
	}
	columns := make([]string, len(shown))
	for i, name := range shown {
		columns[i] = quoteColumn(name)
	}
	sql := fmt.Sprintf("SELECT %s FROM %s%s LIMIT %d", strings.Join(columns, ", "), from.quoted, order, nearestRows)
	rows, err := c.Query(ctx, sql, args...)
	if err != nil {
		return "", err
	}
	if len(rows) == 0 {
		return "  the table is empty", nil
	}
	lines := []string{"  nearest rows:"}
	for _, row := range rows {
		lines = append(lines, "    "+describeRow(shown, row))
	}
	return strings.Join(lines, "\n"), nil
}

func describeWhere(conditions []condition) string {
	if len(conditions) == 0 {
		return ""
	}
	parts := make([]string, len(conditions))
	for i, condition := range conditions {
		parts[i] = describe(condition.column, condition.value)
	}
	return " where " + strings.Join(parts, ", ")
}

func describeRow(columns []string, row map[string]any) string {
	parts := make([]string, len(columns))
	for i, name := range columns {
		parts[i] = describe(name, row[name])
	}
	return strings.Join(parts, ", ")
}

// describe shows a value as JSON, which tells "1" from 1, and NULL as in SQL.
func describe(column string, value any) string {
	const most = 100
	if value == nil {
		return column + " = NULL"
	}
	if raw, ok := value.([]byte); ok {
		return fmt.Sprintf("%s = %d bytes", column, len(raw))
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		encoded = fmt.Append(nil, value)
	}
	if len(encoded) > most {
		encoded = append(encoded[:most:most], "..."...)
	}
	return column + " = " + string(encoded)
}
