/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/topas-dev/topas/test/servers/postgres"
)

type object = map[string]any

func TestUsers(t *testing.T) {
	service := startWithUsers(t, config{version: "v1.0.0"})
	alice := object{"name": "alice", "role": "admin"}
	for _, step := range []struct {
		reason             string
		method, path, body string
		want               response
	}{
		{"an empty table is an empty list", "GET", "/api/users", "", response{200, []any{}}},
		{"a user is added", "POST", "/api/users", `{"name":"zoe","role":"guest"}`, response{201, object{"name": "zoe", "role": "guest"}}},
		{"a second one too", "POST", "/api/users", `{"name":"alice","role":"admin"}`, response{201, alice}},
		{"a user is found by name", "GET", "/api/users/alice", "", response{200, alice}},
		{"users come in the order of their names", "GET", "/api/users", "", response{200, []any{alice, object{"name": "zoe", "role": "guest"}}}},
		{"a name is taken once", "POST", "/api/users", `{"name":"alice","role":"guest"}`, response{409, object{"error": "user exists already: alice"}}},
		{"a user is deleted", "DELETE", "/api/users/zoe", "", response{204, nil}},
		{"and then gone", "DELETE", "/api/users/zoe", "", response{404, object{"error": "user does not exist: zoe"}}},
		{"also for reading", "GET", "/api/users/zoe", "", response{404, object{"error": "user does not exist: zoe"}}},
		{"a role is required", "POST", "/api/users", `{"name":"bob"}`, response{400, object{"error": "a user needs name and role, and nothing else"}}},
		{"a misspelt field is named", "POST", "/api/users", `{"nam":"bob"}`, response{400, object{"error": `read the user from the body: json: unknown field "nam"`}}},
		{"ready with a database that answers", "GET", "/readyz", "", response{200, object{"status": "ready"}}},
	} {
		if diff := cmp.Diff(step.want, service.call(t, step.method, step.path, step.body)); diff != "" {
			t.Errorf("%s: %s %s (-want +got):\n%s", step.reason, step.method, step.path, diff)
		}
	}
}

func TestLaterVersionShowsEmail(t *testing.T) {
	service := startWithUsers(t, config{version: "v1.1.0"})
	want := response{http.StatusCreated, object{"name": "alice", "role": "admin", "email": "alice@example.com"}}
	if diff := cmp.Diff(want, service.call(t, "POST", "/api/users", `{"name":"alice","role":"admin"}`)); diff != "" {
		t.Errorf("add a user (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(response{200, object{"version": "v1.1.0"}}, service.call(t, "GET", "/version", "")); diff != "" {
		t.Errorf("version (-want +got):\n%s", diff)
	}
}

func TestWithoutDatabase(t *testing.T) {
	service := start(t, config{version: "v1.0.0"})
	refused := response{503, object{"error": "no database is configured: set DATABASE_URL or PGHOST"}}
	for path, want := range map[string]response{
		"/api/users":       refused,
		"/api/users/alice": refused,
		"/version":         {200, object{"version": "v1.0.0"}},
		"/healthz":         {200, object{"status": "ok"}},
		"/readyz":          {200, object{"status": "ready"}},
	} {
		if diff := cmp.Diff(want, service.call(t, "GET", path, "")); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", path, diff)
		}
	}
}

func TestDatabaseThatFails(t *testing.T) {
	server := postgres.Start(t)
	gone, empty := *server, server.NewDatabase(t)
	gone.Database = "gone"
	for name, tc := range map[string]struct {
		reason     string
		dsn        string
		users      int
		ready      int
		wantHealth int
	}{
		"not there": {"a database that refuses makes the service not ready, but alive", gone.DSN(), 500, 503, 200},
		"no table":  {"the service is ready, and the missing schema is an error of its own", empty.DSN(), 500, 200, 200},
		"no server": {"a server that can't be reached is unavailable", "postgres://nobody@127.0.0.1:1/x", 503, 503, 200},
	} {
		t.Run(name, func(t *testing.T) {
			service := start(t, config{version: "v1.0.0", hasDatabase: true, databaseURL: tc.dsn})
			got := [3]int{
				service.call(t, "GET", "/api/users", "").Status,
				service.call(t, "GET", "/readyz", "").Status,
				service.call(t, "GET", "/healthz", "").Status,
			}
			if diff := cmp.Diff([3]int{tc.users, tc.ready, tc.wantHealth}, got); diff != "" {
				t.Errorf("%s: status of users, readyz and healthz (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
