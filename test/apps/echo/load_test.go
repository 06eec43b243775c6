/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// startedLoad is a load on its way, with the reports that it writes.
type startedLoad struct {
	reports *json.Decoder
	stop    context.CancelFunc
	ended   chan error
}

func startLoad(t *testing.T, targets ...string) *startedLoad {
	t.Helper()
	cfg := loadConfig{workers: 2, pause: time.Millisecond, timeout: 5 * time.Second, report: 5 * time.Millisecond}
	for _, target := range targets {
		parsed, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		cfg.targets = append(cfg.targets, parsed)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	reader, writer := io.Pipe()
	l := &startedLoad{reports: json.NewDecoder(bufio.NewReader(reader)), stop: cancel, ended: make(chan error, 1)}
	go func() {
		l.ended <- load(ctx, cfg, writer)
		_ = writer.Close() // the writer of a pipe never fails to close
	}()
	return l
}

func (l *startedLoad) next(t *testing.T) report {
	t.Helper()
	var r report
	if err := l.reports.Decode(&r); err != nil {
		t.Fatal(err)
	}
	return r
}

// until reads reports until one is as wanted.
func (l *startedLoad) until(t *testing.T, wanted func(report) bool) report {
	t.Helper()
	for {
		if r := l.next(t); wanted(r) {
			return r
		}
	}
}

// end stops the load and returns its last report and its error.
func (l *startedLoad) end(t *testing.T) (report, error) {
	t.Helper()
	l.stop()
	last := l.until(t, func(r report) bool { return r.Final })
	return last, <-l.ended
}

func TestLoadSeesEveryVersion(t *testing.T) {
	web, rpc := start(t, config{version: "v1.0.0"}), start(t, config{version: "v1.1.0"})
	webTarget, rpcTarget := "http://"+web.address, "grpc://"+rpc.address
	load := startLoad(t, webTarget, rpcTarget)
	load.until(t, func(r report) bool {
		return r.Versions[webTarget]["v1.0.0"] > 0 && r.Versions[rpcTarget]["v1.1.0"] > 0
	})
	got, err := load.end(t)
	if err != nil {
		t.Error(err)
	}
	byWeb, byRPC := got.Versions[webTarget]["v1.0.0"], got.Versions[rpcTarget]["v1.1.0"]
	want := report{
		Final: true, Requests: byWeb + byRPC,
		Versions: map[string]map[string]int{webTarget: {"v1.0.0": byWeb}, rpcTarget: {"v1.1.0": byRPC}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the last report (-want +got):\n%s", diff)
	}
}

func TestLoadCountsFailures(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"http", "grpc"} {
		t.Run(scheme, func(t *testing.T) {
			target := scheme + "://" + nobody
			load := startLoad(t, target)
			load.until(t, func(r report) bool { return r.Failures > 0 })
			got, err := load.end(t)
			if err == nil || !strings.HasSuffix(err.Error(), "requests failed") {
				t.Errorf("ended with %v, want that requests failed", err)
			}
			if got.Failures != got.Requests || len(got.FirstFailures) == 0 || len(got.FirstFailures) > maxFailures {
				t.Fatalf("%d of %d requests failed, %d are shown", got.Failures, got.Requests, len(got.FirstFailures))
			}
			first := got.FirstFailures[0]
			if first.Time.IsZero() || first.Target != target || !strings.Contains(first.Error, "connection refused") {
				t.Errorf("the first failure is %+v", first)
			}
		})
	}
}

// A server that drops the second request of every connection is what a client of the standard library hides.
func TestLoadNeverRepeats(t *testing.T) {
	type counter struct{}
	var arrived atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Add(1)
		if r.Context().Value(counter{}).(*atomic.Int64).Add(1) > 1 {
			panic(http.ErrAbortHandler)
		}
		answer(w, http.StatusOK, map[string]string{"version": "v1.0.0"})
	}))
	server.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, counter{}, new(atomic.Int64))
	}
	server.Start()
	defer server.Close()

	load := startLoad(t, server.URL)
	load.until(t, func(report) bool { return arrived.Load() > 20 })
	got, err := load.end(t)
	if err == nil {
		t.Error("the load hides that a request was dropped")
	}
	if int64(got.Requests) != arrived.Load() {
		t.Errorf("%d requests were counted, and %d arrived", got.Requests, arrived.Load())
	}
	for _, f := range got.FirstFailures {
		if f.Connection != kept {
			t.Errorf("a request over a connection of its own failed: %+v", f)
		}
	}
}

func TestLoadConfigFromArgs(t *testing.T) {
	for name, tc := range map[string]struct {
		reason  string
		args    []string
		want    loadConfig
		wantErr string
	}{
		"targets": {
			reason: "everything but the targets has a default",
			args:   []string{"http://web:8080", "grpc://echo:50051"},
			want: loadConfig{
				targets: []*url.URL{{Scheme: "http", Host: "web:8080"}, {Scheme: "grpc", Host: "echo:50051"}},
				workers: 2, pause: 20 * time.Millisecond, timeout: 30 * time.Second, report: time.Second,
			},
		},
		"no target": {
			reason:  "without a target there is nothing to do",
			wantErr: "no target is given: name at least one, such as http://host:port",
		},
		"no scheme": {
			reason:  "a target says what it speaks",
			args:    []string{"web:8080"},
			wantErr: `target is "web:8080": give http://host:port or grpc://host:port`,
		},
		"no workers": {
			reason:  "a load that does nothing would never fail",
			args:    []string{"-workers=0", "http://web"},
			wantErr: "workers, pause, timeout and report must be greater than 0",
		},
		"unknown flag": {
			reason:  "a misspelt flag is named",
			args:    []string{"-wrokers=2", "http://web"},
			wantErr: "flag provided but not defined: -wrokers",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := loadConfigFromArgs(tc.args)
			gotErr := ""
			if err != nil {
				gotErr = err.Error()
			}
			if diff := cmp.Diff(tc.wantErr, gotErr); diff != "" {
				t.Errorf("%s: error (-want +got):\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(loadConfig{})); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
