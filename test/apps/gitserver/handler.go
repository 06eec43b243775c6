/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/cgi"
	"strings"
	"time"

	"github.com/topas-dev/topas/test/apps/gitserver/access"
)

// maxBody is far more than the list of commits that a client has and wants.
const maxBody = 16 << 20

// newHandler serves the repositories by git's own http-backend: to anybody, and again below the paths that need a login.
func newHandler(g *git, repositories string, login access.Login, log *slog.Logger) http.Handler {
	backend := &cgi.Handler{
		Path:   g.path,
		Args:   []string{"http-backend"},
		Dir:    repositories,
		Env:    append(g.env(), "GIT_PROJECT_ROOT="+repositories, "GIT_HTTP_EXPORT_ALL=1"),
		Stderr: &lineLog{log: log},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	for _, path := range []string{"/", access.PathBasic, access.PathBearer} {
		mux.Handle(path, http.StripPrefix(strings.TrimSuffix(path, "/"), readOnly(withLength(backend))))
	}
	return logRequests(log, login.Ask(mux))
}

// readOnly refuses pushes, which http-backend would leave to the repository's configuration.
func readOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("service") == "git-receive-pack" {
			http.Error(w, "these repositories are read-only", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// withLength gives a request without a length (chunked) one, because CGI has no other way to say where it ends.
func withLength(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength < 0 {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			r.Body, r.ContentLength, r.TransferEncoding = io.NopCloser(bytes.NewReader(body)), int64(len(body)), nil
		}
		next.ServeHTTP(w, r)
	})
}

func logRequests(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorder, r)
		log.Info("Served request", "method", r.Method, "path", r.URL.Path, "query", r.URL.RawQuery,
			"status", recorder.status, "duration", time.Since(started).String(), "remote", r.RemoteAddr)
	})
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (r *statusRecorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// lineLog takes what http-backend says beside its answer.
type lineLog struct{ log *slog.Logger }

func (l *lineLog) Write(p []byte) (int, error) {
	l.log.Warn("Heard from git", "output", string(p))
	return len(p), nil
}
