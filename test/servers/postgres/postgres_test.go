/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package postgres

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// printAddress makes this test binary start a server, print its address and wait to be killed.
const printAddress = "TOPAS_TEST_PRINT_ADDRESS"

func TestMain(m *testing.M) { os.Exit(Run(m)) }

func TestStartIsSharedAndDatabasesAreApart(t *testing.T) {
	server := Start(t)
	if again := Start(t); again != server {
		t.Errorf("Start gave a second server %+v beside %+v", again, server)
	}

	first, second := connect(t, server.NewDatabase(t)), connect(t, server.NewDatabase(t))
	if _, err := first.Exec(t.Context(), "CREATE TABLE users (name text)"); err != nil {
		t.Fatal(err)
	}
	_, err := second.Exec(t.Context(), "SELECT * FROM users")
	if refusal := new(pgconn.PgError); !errors.As(err, &refusal) || refusal.Code != "42P01" {
		t.Errorf("a table of one database seen from another: %v, want undefined_table", err)
	}
}

func TestNewDatabaseIsDropped(t *testing.T) {
	server := Start(t)
	var gone Server
	t.Run("uses a database", func(t *testing.T) {
		gone = *server.NewDatabase(t)
		// Left open on purpose: it must not keep the database alive.
		if _, err := pgx.Connect(t.Context(), gone.DSN()); err != nil {
			t.Fatal(err)
		}
	})
	_, err := pgx.Connect(t.Context(), gone.DSN())
	if refusal := new(pgconn.PgError); !errors.As(err, &refusal) || refusal.Code != "3D000" {
		t.Errorf("connect to a dropped database: %v, want invalid_catalog_name", err)
	}
}

func TestWrongPasswordIsRefused(t *testing.T) {
	server := *Start(t)
	server.Password = "wrong"
	_, err := pgx.Connect(t.Context(), server.DSN())
	if refusal := new(pgconn.PgError); !errors.As(err, &refusal) || refusal.Code != "28P01" {
		t.Errorf("connect with a wrong password: %v, want invalid_password", err)
	}
}

func TestServerEndsWithAKilledTestBinary(t *testing.T) {
	if os.Getenv(printAddress) != "" {
		_, _ = os.Stdout.WriteString("port=" + strconv.Itoa(Start(t).Port) + "\n")
		select {}
	}

	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), printAddress+"=1")
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 64)
	n, _ := output.Read(buffer)
	port, found := strings.CutPrefix(strings.TrimSpace(string(buffer[:n])), "port=")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if !found {
		t.Fatalf("the test binary printed %q, want a port", buffer[:n])
	}

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		conn, err := net.Dial("tcp", net.JoinHostPort(host, port))
		if err != nil {
			return
		}
		_ = conn.Close()
		select {
		case <-poll.C:
		case <-ctx.Done():
			t.Fatalf("the server on port %s outlived its killed test binary", port)
		}
	}
}

func connect(t *testing.T, server *Server) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
