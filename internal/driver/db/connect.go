/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// connectInterval is how often a server is tried that isn't there.
	connectInterval = 200 * time.Millisecond
	// attemptTimeout is how long a server may say nothing until it is tried anew.
	attemptTimeout = 5 * time.Second
)

// textFormat makes the server write values as decode reads them, however the database is set.
const textFormat = "SET DateStyle = ISO; SET IntervalStyle = postgres; SET bytea_output = hex; SET extra_float_digits = 3"

// connect tries until there is a connection, the timeout is over, or the server says something that will not change.
func (c *Conn) connect(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, c.address.Timeout)
	defer cancel()
	var last error
	for {
		conn, err := c.dial(limited)
		if err == nil {
			c.conn, c.types, c.used = conn, newTypes(conn.TypeMap()), time.Now()
			return nil
		}
		// An attempt that was cut short says less than the one before it.
		if last == nil || !over(limited) {
			last = err
		}
		if ctx.Err() == nil && !c.address.mayPass(err) {
			return c.address.refused(err)
		}
		select {
		case <-limited.Done():
		case <-time.After(connectInterval):
			continue
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w; at last: %w", &c.address, ctx.Err(), seen(last))
		}
		return fmt.Errorf("%s: not within %s; at last: %w", &c.address, c.address.Timeout, seen(last))
	}
}

// over reports whether a context has ended. A connection may know that a moment before the context itself.
func over(ctx context.Context) bool {
	deadline, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(deadline)
}

func (c *Conn) dial(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, c.config)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, textFormat); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return conn, nil
}

// mayPass reports whether what went wrong is that of a server that starts, or has too much to do.
func (a *address) mayPass(err error) bool {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		switch answer.Code {
		case "57P03", "57P01", "57P02", "53300": // it starts, it stops, it stopped, it has too many connections
			return true
		}
		return false
	}
	var lookup *net.DNSError
	if errors.As(err, &lookup) && lookup.IsNotFound {
		return a.target != a.Host // the Service of the App may just be made
	}
	return true
}

// refused says what the server answered, or that there is none.
func (a *address) refused(err error) error {
	var answer *pgconn.PgError
	if errors.As(err, &answer) && answer.Code == "28P01" {
		return fmt.Errorf("%s: wrong password or unknown user: %s", a, answer.Message)
	}
	var lookup *net.DNSError
	if errors.As(err, &lookup) {
		return fmt.Errorf("%s: no such host: it is no database of the App, and DNS does not know it: %w", a, lookup)
	}
	return fmt.Errorf("%s: %w", a, seen(err))
}

// seen is the part of an error of pgx that doesn't repeat where the connection goes.
func seen(err error) error {
	var answer *pgconn.PgError
	var network *net.OpError
	switch {
	case errors.As(err, &answer):
		return fmt.Errorf("%s (SQLSTATE %s)", answer.Message, answer.Code)
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("no answer")
	case errors.As(err, &network):
		return network
	}
	return err
}
