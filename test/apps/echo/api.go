/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/jackc/pgx/v5/pgconn"
)

const maxBody = 64 << 10

var errNoDatabase = errors.New("no database is configured: set DATABASE_URL or PGHOST")

// api answers HTTP. Every error is a JSON object {"error": "..."}.
type api struct {
	version string
	users   *userStore // nil without a database
	ready   func(context.Context) error
}

func (a *api) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"version": a.version})
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := a.ready(r.Context()); err != nil {
			answerError(w, http.StatusServiceUnavailable, err)
			return
		}
		answer(w, http.StatusOK, map[string]string{"status": "ready"})
	})
	mux.HandleFunc("GET /api/users", a.withUsers(a.listUsers))
	mux.HandleFunc("POST /api/users", a.withUsers(a.addUser))
	mux.HandleFunc("GET /api/users/{name}", a.withUsers(a.getUser))
	mux.HandleFunc("DELETE /api/users/{name}", a.withUsers(a.removeUser))
	return mux
}

func (a *api) withUsers(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if a.users == nil {
			answerError(w, http.StatusServiceUnavailable, errNoDatabase)
			return
		}
		handle(w, r)
	}
}

func (a *api) listUsers(w http.ResponseWriter, r *http.Request) {
	users, err := a.users.list(r.Context())
	if err != nil {
		answerError(w, statusOf(err), err)
		return
	}
	for i := range users {
		users[i] = a.shown(users[i])
	}
	answer(w, http.StatusOK, users)
}

func (a *api) getUser(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	found, err := a.users.get(r.Context(), name)
	if err != nil {
		answerError(w, statusOf(err), ofUser(name, err))
		return
	}
	answer(w, http.StatusOK, a.shown(found))
}

func (a *api) addUser(w http.ResponseWriter, r *http.Request) {
	var added user
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	body.DisallowUnknownFields()
	if err := body.Decode(&added); err != nil {
		answerError(w, http.StatusBadRequest, fmt.Errorf("read the user from the body: %w", err))
		return
	}
	if added.Name == "" || added.Role == "" || added.Email != "" {
		answerError(w, http.StatusBadRequest, errors.New("a user needs name and role, and nothing else"))
		return
	}
	if err := a.users.add(r.Context(), added); err != nil {
		answerError(w, statusOf(err), ofUser(added.Name, err))
		return
	}
	w.Header().Set("Location", "/api/users/"+url.PathEscape(added.Name))
	answer(w, http.StatusCreated, a.shown(added))
}

func (a *api) removeUser(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if err := a.users.remove(r.Context(), name); err != nil {
		answerError(w, statusOf(err), ofUser(name, err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// shown is a user as this version of the service shows it.
func (a *api) shown(u user) user {
	if a.version != firstVersion {
		u.Email = u.Name + "@example.com"
	}
	return u
}

func ofUser(name string, err error) error {
	if errors.Is(err, errUserNotFound) || errors.Is(err, errUserExists) {
		return fmt.Errorf("%w: %s", err, name)
	}
	return err
}

// statusOf tells a database that refuses from one that can't be reached.
func statusOf(err error) int {
	switch {
	case errors.Is(err, errUserNotFound):
		return http.StatusNotFound
	case errors.Is(err, errUserExists):
		return http.StatusConflict
	case errors.As(err, new(*pgconn.PgError)):
		return http.StatusInternalServerError
	default:
		return http.StatusServiceUnavailable
	}
}

func answerError(w http.ResponseWriter, status int, err error) {
	answer(w, status, map[string]string{"error": err.Error()})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The client is gone when this fails, and the request's log line has what it asked for.
	_ = json.NewEncoder(w).Encode(body)
}
