/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"

	"k8s.io/client-go/rest"
)

// fault is the write at which a manager is killed, counted from 1; with 0 it lives on.
type fault struct {
	at int64
	// carriedOut lets the API server do what it was asked to; the manager does not live to see the answer.
	carriedOut bool
}

// proxy is the API server as the manager sees it.
func (p *process) proxy(w *world, f fault) http.Handler {
	w.t.Helper()
	config := rest.CopyConfig(w.server.Config)
	config.Impersonate.UserName = managerUser
	transport, err := rest.TransportFor(config)
	w.must(err)
	server, err := url.Parse(config.Host)
	w.must(err)
	backend := &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,                         // watches
		ErrorLog:      log.New(io.Discard, "", 0), // of managers that are dead
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(server)
			r.Out.URL.Path = confine(r.Out.Method, r.Out.URL.Path, w.namespace)
		},
	}
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if strings.Contains(request.URL.Path, "/leases") {
			p.leases.Add(1)
		} else if request.Method != http.MethodGet {
			n := p.writes.Add(1)
			if f.at != 0 && n >= f.at {
				p.die(n == f.at, f, backend, request)
			}
		}
		backend.ServeHTTP(response, request)
	})
}

// die kills the manager at its last write, and leaves those that it makes meanwhile without an answer.
func (p *process) die(last bool, f fault, backend http.Handler, request *http.Request) {
	if last {
		if f.carriedOut {
			backend.ServeHTTP(httptest.NewRecorder(), request.WithContext(context.WithoutCancel(request.Context())))
		}
		p.kill()
	}
	panic(http.ErrAbortHandler)
}

// confine makes the manager read from one namespace: others hold what other tests are at, or have left behind.
func confine(method, path, namespace string) string {
	parts := strings.Split(path, "/")
	kind := 3 // of /api/<version>/<kind>
	if parts[1] == "apis" {
		kind = 4
	}
	if method != http.MethodGet || len(parts) != kind+1 {
		return path
	}
	return strings.Join(slices.Insert(parts, kind, "namespaces", namespace), "/")
}
