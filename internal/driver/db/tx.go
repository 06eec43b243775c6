/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// failedTx is the status of a connection whose transaction can only be rolled back.
const failedTx = 'E'

// Tx calls a function in a transaction, or in a savepoint of the one that is open. It commits when the function
// returns nil, and rolls back when it returns an error. All calls on the connection meanwhile belong to it.
func (c *Conn) Tx(ctx context.Context, body func() error) error {
	outer := c.tx
	tx, err := c.begin(ctx)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	c.tx = tx
	defer func() { c.tx = outer }()
	if err := body(); err != nil {
		return errors.Join(err, c.rollback(ctx))
	}
	if c.conn.PgConn().TxStatus() == failedTx {
		return errors.Join(errors.New("the transaction is rolled back: one of its statements failed before"), c.rollback(ctx))
	}
	if err := tx.Commit(ctx); err != nil {
		return sqlError("COMMIT", err)
	}
	return nil
}

func (c *Conn) begin(ctx context.Context) (pgx.Tx, error) {
	if c.tx != nil {
		return c.tx.Begin(ctx)
	}
	conn, err := c.alive(ctx)
	if err != nil {
		return nil, err
	}
	return conn.Begin(ctx)
}

// rollback closes the connection when there is no time left for more: the server rolls back then.
func (c *Conn) rollback(ctx context.Context) error {
	if c.conn.IsClosed() {
		return nil
	}
	if ctx.Err() != nil {
		_ = c.conn.Close(ctx) // it need not say goodbye
		return nil
	}
	if err := c.tx.Rollback(ctx); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
		return fmt.Errorf("roll back: %w", err)
	}
	return nil
}
