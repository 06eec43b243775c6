/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// maxRows and maxBytes bound what a query returns.
	maxRows  = 100_000
	maxBytes = 64 << 20
	// maxIdle is how long a connection may be unused until it is asked whether it is still good.
	maxIdle = time.Second
)

// Conn is a connection to a database. When it is lost, because the server was restarted say, the next call makes a
// new one. Values pass as bool, int64, float64, string, nil, []any and map[string]any, see Query.
type Conn struct {
	address address
	config  *pgx.ConnConfig
	conn    *pgx.Conn
	types   types
	// tx is the transaction that is open, the innermost one.
	tx pgx.Tx
	// used is when the connection was last known to be good.
	used time.Time
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
	if c.tx != nil {
		if lost {
			return nil, errors.New("the connection was lost in the middle of a transaction")
		}
		return c.conn, nil
	}
	if !lost && time.Since(c.used) > maxIdle {
		lost = c.conn.Ping(ctx) != nil
	}
	if lost {
		if err := c.connect(ctx); err != nil {
			return nil, err
		}
	}
	c.used = time.Now()
	return c.conn, nil
}

// Query returns the rows of a statement, each as a map from column to value. Arguments are bound to $1, $2, ....
//
// Integers are int64, floats float64, json and jsonb what they hold (numbers as json.Number), arrays []any, bytea
// []byte, NULL nil. A numeric is int64 or float64 if that holds it exactly, else the string of its digits. Everything
// else is a string: timestamps in RFC 3339, dates as 2006-01-02, uuids and other types as PostgreSQL writes them.
//
// An argument is what Query returns for its type, or any string that PostgreSQL reads as such. For a bytea, a string
// is its bytes, and for json and jsonb, it is JSON.
func (c *Conn) Query(ctx context.Context, sql string, args ...any) ([]map[string]any, error) {
	found := []map[string]any{}
	_, err := c.run(ctx, sql, args, func(row map[string]any) { found = append(found, row) })
	if err != nil {
		return nil, err
	}
	return found, nil
}

// Exec runs a statement and returns how many rows it changed. Without arguments it may be several statements,
// separated by ";", which run in one transaction; the number is that of the last one.
func (c *Conn) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	if len(args) > 0 {
		return c.run(ctx, sql, args, func(map[string]any) {})
	}
	conn, err := c.alive(ctx)
	if err != nil {
		return 0, err
	}
	tag, err := conn.Exec(ctx, sql)
	if err != nil {
		return 0, sqlError(sql, err)
	}
	return tag.RowsAffected(), nil
}

// run runs one statement, and returns how many rows it changed or returned.
func (c *Conn) run(ctx context.Context, sql string, args []any, each func(row map[string]any)) (int64, error) {
	conn, err := c.alive(ctx)
	if err != nil {
		return 0, err
	}
	statement, err := c.prepare(ctx, conn.PgConn(), sql)
	if err != nil {
		return 0, sqlError(sql, err)
	}
	values, err := c.bind(statement, args)
	if err != nil {
		return 0, sqlError(sql, err)
	}
	// What is left of too many rows is not waited for.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reader := conn.PgConn().ExecStatement(ctx, statement, values, nil, nil)
	tooMuch := c.read(reader, each)
	if tooMuch != nil {
		cancel()
	}
	tag, err := reader.Close()
	if err = cmp.Or(tooMuch, err); err != nil {
		return 0, sqlError(sql, err)
	}
	return tag.RowsAffected(), nil
}

// prepare has the server parse a statement. It keeps no statement for the next time, because a new version of the
// system under test may change the schema in between.
func (c *Conn) prepare(ctx context.Context, conn *pgconn.PgConn, sql string) (*pgconn.StatementDescription, error) {
	statement, err := conn.Prepare(ctx, "", sql, nil)
	if err != nil {
		return nil, err
	}
	asked, err := c.types.learn(ctx, conn, statement)
	if err != nil || !asked {
		return statement, err
	}
	// Asking has replaced the statement without a name.
	return conn.Prepare(ctx, "", sql, nil)
}

func (c *Conn) bind(statement *pgconn.StatementDescription, args []any) ([][]byte, error) {
	if len(args) != len(statement.ParamOIDs) {
		return nil, fmt.Errorf("the statement needs %d values, and %d are given", len(statement.ParamOIDs), len(args))
	}
	values := make([][]byte, len(args))
	for i, arg := range args {
		value, err := c.types.encode(statement.ParamOIDs[i], arg)
		if err != nil {
			return nil, fmt.Errorf("value %d: %w", i+1, err)
		}
		values[i] = value
	}
	return values, nil
}

// read reads all rows, or fails if they are too many.
func (c *Conn) read(reader *pgconn.ResultReader, each func(row map[string]any)) error {
	size := 0
	for count := 1; reader.NextRow(); count++ {
		values := reader.Values()
		row := make(map[string]any, len(values))
		for i, field := range reader.FieldDescriptions() {
			size += len(values[i])
			row[field.Name] = c.types.decode(field.DataTypeOID, values[i])
		}
		if count > maxRows {
			return fmt.Errorf("more than %d rows: add a LIMIT", maxRows)
		}
		if size > maxBytes {
			return fmt.Errorf("more than %d MiB of rows: add a LIMIT", maxBytes>>20)
		}
		each(row)
	}
	return nil
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
