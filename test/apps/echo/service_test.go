/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/topas-dev/topas/test/servers/postgres"
)

func TestMain(m *testing.M) { os.Exit(postgres.Run(m)) }

// running is a service that serves on a loopback port until the test ends or stop is called.
type running struct {
	address string
	log     *lockedBuffer
	stop    func() error
}

func start(t *testing.T, cfg config) *running {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := new(lockedBuffer)
	service, err := newService(cfg, slog.New(slog.NewJSONHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- service.serve(ctx, listener) }()
	stop := sync.OnceValue(func() error {
		cancel()
		err := <-served
		service.close()
		return err
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("stop the service: %v", err)
		}
	})
	return &running{address: listener.Addr().String(), log: log, stop: stop}
}

// startWithUsers starts the service with an empty table users.
func startWithUsers(t *testing.T, cfg config) *running {
	t.Helper()
	cfg.hasDatabase, cfg.databaseURL = true, usersDatabase(t)
	return start(t, cfg)
}

func usersDatabase(t *testing.T) string {
	t.Helper()
	database := postgres.Start(t).NewDatabase(t)
	conn, err := pgx.Connect(t.Context(), database.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), `CREATE TABLE users (name text PRIMARY KEY, role text)`); err != nil {
		t.Fatal(err)
	}
	return database.DSN()
}

// response is what a test compares: the JSON of the body is decoded.
type response struct {
	Status int
	Body   any
}

func (r *running) call(t *testing.T, method, path, body string) response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.address+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := response{Status: answer.StatusCode}
	if len(content) == 0 {
		return got
	}
	if err := json.Unmarshal(content, &got.Body); err != nil {
		t.Fatalf("%s %s answered %q: %v", method, path, content, err)
	}
	return got
}

func (r *running) dial(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(r.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

type lockedBuffer struct {
	sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) lines(t *testing.T) []map[string]any {
	t.Helper()
	b.Lock()
	defer b.Unlock()
	var lines []map[string]any
	for decoder := json.NewDecoder(bytes.NewReader(b.buffer.Bytes())); decoder.More(); {
		var line map[string]any
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

func TestConfigFromEnv(t *testing.T) {
	defaults := config{version: "v1.0.0", port: 8080, drainDelay: 2 * time.Second}
	with := func(change func(*config)) config {
		changed := defaults
		change(&changed)
		return changed
	}
	for name, tc := range map[string]struct {
		reason  string
		env     map[string]string
		want    config
		wantErr string
	}{
		"nothing": {
			reason: "everything has a default, and there is no database",
			want:   defaults,
		},
		"url": {
			reason: "DATABASE_URL is the database",
			env:    map[string]string{"DATABASE_URL": "postgres://db/x", "PORT": "50051", "DRAIN_DELAY": "0s"},
			want: with(func(c *config) {
				c.hasDatabase, c.databaseURL, c.port, c.drainDelay = true, "postgres://db/x", 50051, 0
			}),
		},
		"host": {
			reason: "PGHOST says that the database is in the PG* variables, which pgx reads itself",
			env:    map[string]string{"PGHOST": "db"},
			want:   with(func(c *config) { c.hasDatabase = true }),
		},
		"port out of range": {
			reason:  "a port that can't be is refused by name",
			env:     map[string]string{"PORT": "70000"},
			wantErr: `PORT is "70000": give a number from 1 to 65535`,
		},
		"negative delay": {
			reason:  "a delay that can't be is refused by name",
			env:     map[string]string{"DRAIN_DELAY": "-1s"},
			wantErr: `DRAIN_DELAY is "-1s": give a duration such as 2s`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := configFromEnv(func(key string) string { return tc.env[key] })
			gotErr := ""
			if err != nil {
				gotErr = err.Error()
			}
			if diff := cmp.Diff(tc.wantErr, gotErr); diff != "" {
				t.Errorf("%s: error (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(config{})); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
