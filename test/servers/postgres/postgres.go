/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package postgres gives tests a real, throw-away PostgreSQL server.
//
// Start hands out a server of the test's own, stopped when the test ends. A package with several tests starts one
// server for all of them, which saves a second each time, by running its tests through Run:
//
//	func TestMain(m *testing.M) { os.Exit(postgres.Run(m)) }
//
//	func TestQuery(t *testing.T) {
//		db := postgres.Start(t).NewDatabase(t) // empty, and dropped when the test ends
//		conn, err := pgx.Connect(t.Context(), db.DSN())
//		...
//	}
//
// The server needs PostgreSQL's server binaries on the machine; a test without them fails, it is never skipped. The
// server ends with the test binary, also when that is killed.
package postgres

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is how a client reaches one database of a running PostgreSQL. The user is a superuser who logs in with
// the password (scram-sha-256); TLS is off.
type Server struct {
	Host     string
	Port     int
	User     string
	Password string
	Database string
}

// shared is the server of a test binary that runs its tests through Run.
var shared struct {
	sync.Mutex
	enabled bool
	process *process
	server  *Server
}

// Run runs the tests of a package with one server for all of them, and returns the exit code for os.Exit. The server
// is started by the first call of Start, so a package whose selected tests need none pays nothing.
func Run(m *testing.M) int {
	shared.Lock()
	shared.enabled = true
	shared.Unlock()

	code := m.Run()

	shared.Lock()
	defer shared.Unlock()
	if shared.process != nil {
		shared.process.stop()
	}
	return code
}

// Start returns a running server, or fails the test with the server's own words. Within Run it is the server of the
// test binary, else one of the test's own.
func Start(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		return shared.server
	}

	server, process, err := launch(t.Context())
	if err != nil {
		t.Fatalf("start PostgreSQL: %v", err)
	}
	if shared.enabled {
		shared.server, shared.process = server, process
		return server
	}
	t.Cleanup(process.stop)
	return server
}

// DSN is the connection URL, for pgx.Connect or DATABASE_URL.
func (s *Server) DSN() string {
	dsn := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(s.User, s.Password),
		Host:     net.JoinHostPort(s.Host, strconv.Itoa(s.Port)),
		Path:     s.Database,
		RawQuery: "sslmode=disable",
	}
	return dsn.String()
}

var databases atomic.Int64

// NewDatabase creates an empty database and returns the server with it as Database. It is dropped when the test
// ends, connections that are still open included.
func (s *Server) NewDatabase(t testing.TB) *Server {
	t.Helper()
	created := *s
	created.Database = fmt.Sprintf("test_%d", databases.Add(1))
	if err := s.exec(t.Context(), "CREATE DATABASE "+created.Database); err != nil {
		t.Fatalf("create a database for the test: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context is canceled before its cleanups run.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.exec(ctx, "DROP DATABASE "+created.Database+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the database of the test: %v", err)
		}
	})
	return &created
}

func (s *Server) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.DSN())
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	if closeErr := conn.Close(ctx); err == nil {
		err = closeErr
	}
	return err
}
