/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package access asks who wants to read git repositories, over HTTP and over SSH.
package access

import (
	"crypto/subtle"
	"net/http"
	"strings"
)

// Paths that begin so need a login.
const (
	// PathBasic is for whoever has the user name and the password.
	PathBasic = "/private/"
	// PathBearer is for whoever has the token.
	PathBearer = "/bearer/"
)

// Login is what a request needs.
type Login struct {
	Username, Password, Token string
}

// Ask refuses requests that lack the login of their path, and those that have one that nobody asked for.
func (l Login) Ask(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if challenge := l.challenge(r); challenge != "" {
			w.Header().Set("WWW-Authenticate", challenge)
			http.Error(w, "<html>a long page</html>", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// challenge returns how the request has to log in, or nothing if it may pass.
func (l Login) challenge(r *http.Request) string {
	switch {
	case strings.HasPrefix(r.URL.Path, PathBasic):
		if username, password, ok := r.BasicAuth(); !ok || !same(username, l.Username) || !same(password, l.Password) {
			return `Basic realm="git"`
		}
	case strings.HasPrefix(r.URL.Path, PathBearer):
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); !ok || !same(token, l.Token) {
			return `Bearer realm="git"`
		}
	case r.Header.Get("Authorization") != "":
		return "nobody asked for credentials"
	}
	return ""
}

// same is false for what was never set.
func same(got, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}
