/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// column is a column of a table.
type column struct {
	name string
	// kind is the type as PostgreSQL writes it, such as "character varying(20)".
	kind string
	// key is set for the columns of the primary key.
	key bool
}

// table is a table, view or other relation that exists.
type table struct {
	name    string
	quoted  string
	columns map[string]column
	// order is the names of the columns in the order of the table.
	order []string
}

const columnsQuery = `
SELECT a.attname, format_type(a.atttypid, a.atttypmod), EXISTS (
	SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY (i.indkey))
FROM pg_attribute a
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum`

// table looks a table up by its name, "users" or "schema.users". An unknown one is an error that lists the known ones.
func (c *Conn) table(ctx context.Context, name string) (*table, error) {
	if name == "" {
		return nil, errors.New("the table is missing")
	}
	found := &table{name: name, quoted: quoteTable(name), columns: map[string]column{}}
	conn, err := c.alive(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, columnsQuery, found.quoted)
	if err != nil {
		return nil, fmt.Errorf("look up table %q: %w", name, err)
	}
	var read column
	_, err = pgx.ForEachRow(rows, []any{&read.name, &read.kind, &read.key}, func() error {
		found.columns[read.name] = read
		found.order = append(found.order, read.name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up table %q: %w", name, err)
	}
	if len(found.order) == 0 {
		return nil, c.unknownTable(ctx, name)
	}
	return found, nil
}

const tablesQuery = `
SELECT CASE WHEN pg_table_is_visible(c.oid) THEN c.relname ELSE n.nspname || '.' || c.relname END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
ORDER BY 1 LIMIT 21`

func (c *Conn) unknownTable(ctx context.Context, name string) error {
	rows, err := c.conn.Query(ctx, tablesQuery)
	if err != nil {
		return fmt.Errorf("there is no table %q; list the tables: %w", name, err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("there is no table %q; list the tables: %w", name, err)
	}
	if len(names) > 20 {
		names[20] = "..."
	}
	return fmt.Errorf("there is no table %q: database %q has %s", name, c.address.Database, listOr(names, "none"))
}

// pick checks that the table has all columns that values are given for, and returns their names in order.
func (t *table) pick(values map[string]any) ([]string, error) {
	names := slices.Sorted(maps.Keys(values))
	for _, name := range names {
		if _, ok := t.columns[name]; !ok {
			return nil, fmt.Errorf("table %q has no column %q: it has %s", t.name, name, listOr(t.order, "none"))
		}
	}
	return names, nil
}

// identity returns the columns that tell a row from others: the primary key, or all if there is none.
func (t *table) identity() []string {
	keys := slices.DeleteFunc(slices.Clone(t.order), func(name string) bool { return !t.columns[name].key })
	if len(keys) == 0 {
		return t.order
	}
	return keys
}

// quoteTable quotes "users" and "schema.users".
func quoteTable(name string) string {
	return pgx.Identifier(strings.SplitN(name, ".", 2)).Sanitize()
}

func quoteColumn(name string) string {
	return pgx.Identifier{name}.Sanitize()
}

func listOr(names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	return strings.Join(names, ", ")
}
