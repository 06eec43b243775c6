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
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

const (
	// maxRows bounds how many rows a query returns.
	maxRows = 100_000
	// maxIdle is how long a connection may be unused until it is asked whether it is still good.
	maxIdle = time.Second
)

// Conn is a connection to a database. When it is lost, because the server was restarted say, the next call makes a
// new one. Values pass as bool, int64, float64, string, nil, []any and map[string]any, see Query.
type Conn struct {
	address address
	config  *pgx.ConnConfig
	conn    *pgx.Conn
	// used is when the connection was last known to be good.
	used time.Time
}

func (c *Conn) connect(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, c.address.Timeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(limited, c.config)
	if err != nil {
		return c.address.connectError(ctx, err)
	}
	exact := &pgtype.JSONCodec{Marshal: marshalJSON, Unmarshal: unmarshalJSON}
	conn.TypeMap().RegisterType(&pgtype.Type{Name: "json", OID: pgtype.JSONOID, Codec: exact})
	conn.TypeMap().RegisterType(&pgtype.Type{Name: "jsonb", OID: pgtype.JSONBOID, Codec: &pgtype.JSONBCodec{
		Marshal: marshalJSON, Unmarshal: unmarshalJSON,
	}})
	c.conn, c.used = conn, time.Now()
	return nil
}

func (c *Conn) close(ctx context.Context) error {
	if c.conn.IsClosed() {
		return nil
	}
	return c.conn.Close(ctx)
}

// alive returns the connection, or a new one if it was lost. One that was idle for a while is asked, because a server
// that was restarted in the meantime is noticed no sooner than that.
func (c *Conn) alive(ctx context.Context) (*pgx.Conn, error) {
	lost := c.conn.IsClosed()
	if !lost && time.Since(c.used) > maxIdle {
		lost = c.conn.Ping(ctx) != nil
	}
	c.used = time.Now()
	if lost {
		if err := c.connect(ctx); err != nil {
			return nil, err
		}
	}
	return c.conn, nil
}

// Query returns the rows of a statement, each as a map from column to value. Arguments are bound to $1, $2, ....
//
// Integers are int64, floats float64, json and jsonb what they hold (numbers as json.Number), arrays []any, bytea
// []byte, NULL nil. A numeric is int64 or float64 if that holds it exactly, else the string of its digits. Everything
// else is a string: timestamps in RFC 3339, dates as 2006-01-02, uuids and other types as PostgreSQL writes them.
func (c *Conn) Query(ctx context.Context, sql string, args ...any) ([]map[string]any, error) {
	conn, err := c.alive(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, sqlError(sql, err)
	}
	found, err := collect(rows)
	if err != nil {
		return nil, sqlError(sql, err)
	}
	return found, nil
}

func collect(rows pgx.Rows) ([]map[string]any, error) {
	defer rows.Close()
	found := []map[string]any{}
	for rows.Next() {
		if len(found) == maxRows {
			return nil, fmt.Errorf("more than %d rows: add a LIMIT", maxRows)
		}
		values, err := rows.Values()
		if err != nil {
			return nil, err
		}
		row := make(map[string]any, len(values))
		for i, column := range rows.FieldDescriptions() {
			row[column.Name] = plain(column.DataTypeOID, values[i])
		}
		found = append(found, row)
	}
	return found, rows.Err()
}

// Exec runs a statement and returns how many rows it changed. Without arguments it may be several statements,
// separated by ";", which run in one transaction; the number is that of the last one.
func (c *Conn) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	conn, err := c.alive(ctx)
	if err != nil {
		return 0, err
	}
	tag, err := conn.Exec(ctx, sql, args...)
	if err != nil {
		return 0, sqlError(sql, err)
	}
	return tag.RowsAffected(), nil
}

// Truncate empties tables, restarts their sequences, and empties the tables that refer to them.
func (c *Conn) Truncate(ctx context.Context, tables ...string) error {
	if len(tables) == 0 {
		return errors.New("truncate: name at least one table")
	}
	quoted := make([]string, len(tables))
	for i, name := range tables {
		found, err := c.table(ctx, name)
		if err != nil {
			return err
		}
		quoted[i] = found.quoted
	}
	_, err := c.Exec(ctx, "TRUNCATE "+strings.Join(quoted, ", ")+" RESTART IDENTITY CASCADE")
	return err
}

// sqlError is what the server says of a statement, with its detail and hint, and the statement itself.
func sqlError(sql string, err error) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return fmt.Errorf("%w, in: %s", err, oneLine(sql))
	}
	text := refused.Message
	for _, more := range []string{refused.Detail, refused.Hint} {
		if more != "" {
			text += ": " + more
		}
	}
	return fmt.Errorf("%s (SQLSTATE %s), in: %s", text, refused.Code, oneLine(sql))
}

// oneLine shortens a statement for an error.
func oneLine(sql string) string {
	const most = 200
	line := strings.Join(strings.Fields(sql), " ")
	if len(line) > most {
		return line[:most] + "..."
	}
	return line
}
