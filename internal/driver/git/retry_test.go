/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/topas-dev/topas/internal/driver/git"
	"github.com/topas-dev/topas/test/apps/gitserver/access"
)

// short is a writer that loses the connection after some bytes.
type short struct {
	http.ResponseWriter
	left int
}

func (s *short) Write(p []byte) (int, error) {
	if len(p) >= s.left {
		_, _ = s.ResponseWriter.Write(p[:s.left])
		_ = http.NewResponseController(s.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	s.left -= len(p)
	return s.ResponseWriter.Write(p)
}

func TestFetchTriesAgainAfterFaultsOfTheNetwork(t *testing.T) {
	for _, tc := range []struct {
		reason string
		// path is the end of the requests' path that the fault is in.
		path   string
		fault  func(http.ResponseWriter, *http.Request, http.Handler)
		faults int
	}{
		{"no answer", "/info/refs", func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }, 3},
		{"no answer to the second request", "/git-upload-pack", func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }, 2},
		{"a list of branches that is cut", "/info/refs", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(&short{w, 100}, r)
		}, 2},
		{"a pack that is cut", "/git-upload-pack", func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			next.ServeHTTP(&short{w, 200}, r)
		}, 2},
		{"a proxy that does not reach the server", "/info/refs", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			http.Error(w, "<html>a long page</html>", http.StatusServiceUnavailable)
		}, 3},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			s := newServer(t)
			h := newHistory(t, s, "app.git")
			var faults atomic.Int64
			s.through = func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if strings.HasSuffix(r.URL.Path, tc.path) && faults.Add(1) <= int64(tc.faults) {
						tc.fault(w, r, next)
						return
					}
					next.ServeHTTP(w, r)
				})
			}
			told := 0
			commit, err := git.Fetch(t.Context(), git.Options{
				URL: s.url + "/app.git", Revision: h.tip, Path: script, Dir: t.TempDir(),
				Waits: make([]time.Duration, 3),
				Retrying: func(fault error, _ time.Duration) {
					told++
					if !strings.HasPrefix(fault.Error(), "fetching "+s.url+"/app.git: ") || strings.Contains(fault.Error(), "a long page") {
						t.Errorf("told of %v", fault)
					}
				},
			})
			if err != nil || commit != h.tip {
				t.Errorf("commit is %s (%v), want %s", commit, err, h.tip)
			}
			if told != tc.faults {
				t.Errorf("told of %d faults, want %d", told, tc.faults)
			}
		})
	}
}

func TestFetchGivesUp(t *testing.T) {
	address := closedAddress(t)
	for _, url := range []string{"http://" + address + "/app.git", "ssh://" + address + "/app.git"} {
		_, hostKey := newKey(t)
		key, _ := newKey(t)
		o := git.Options{URL: url, Path: script, Dir: t.TempDir(), Waits: make([]time.Duration, 3)}
		if strings.HasPrefix(url, "ssh") {
			o.Credentials = secret(t, map[string]string{"ssh-privatekey": key, "known_hosts": access.KnownHost(address, hostKey)})
		}
		told := 0
		o.Retrying = func(error, time.Duration) { told++ }
		_, err := git.Fetch(t.Context(), o)
		if want := "fetching " + url + ": "; err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("error is %v, want %s", err, want)
		}
		if told != len(o.Waits) {
			t.Errorf("%s: told of %d faults, want %d", url, told, len(o.Waits))
		}
	}
}

func TestFetchTriesOnceWhatWouldFailAgain(t *testing.T) {
	s, secured := newServer(t), newTLSServer(t)
	newHistory(t, s, "app.git")
	newHistory(t, s, "private/app.git")
	newHistory(t, s, "broken.git")
	s.through = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/broken.git") {
				http.Error(w, "a bug", http.StatusInternalServerError)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
	remote := newSSHServer(t, s.dir)
	_, otherHost := newKey(t)
	for _, tc := range []struct {
		reason string
		o      git.Options
	}{
		{"no credentials", git.Options{URL: s.url + "/private/app.git", Path: script}},
		{"no repository", git.Options{URL: s.url + "/none.git", Path: script}},
		{"no such revision", git.Options{URL: s.url + "/app.git", Revision: "v9", Path: script}},
		{"no such path", git.Options{URL: s.url + "/app.git", Path: "none.lua"}},
		{"an error of the server", git.Options{URL: s.url + "/broken.git", Path: script}},
		{"an unknown CA", git.Options{URL: secured.url + "/app.git", Path: script}},
		{"no repository by SSH", git.Options{
			URL: "ssh://" + remote.address + "/none.git", Path: script,
			Credentials: secret(t, map[string]string{"ssh-privatekey": remote.key, "known_hosts": remote.knownHosts}),
		}},
		{"an unknown host", git.Options{
			URL: "ssh://" + remote.address + "/app.git", Path: script,
			Credentials: secret(t, map[string]string{"ssh-privatekey": remote.key, "known_hosts": access.KnownHost("git.example.com", otherHost)}),
		}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			tc.o.Dir, tc.o.Waits = t.TempDir(), make([]time.Duration, 3)
			tc.o.Retrying = func(fault error, _ time.Duration) { t.Errorf("tries again after %v", fault) }
			if _, err := git.Fetch(t.Context(), tc.o); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestFetchStopsWaiting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := git.Fetch(ctx, git.Options{
		URL: "http://" + closedAddress(t) + "/app.git", Path: script, Dir: t.TempDir(),
		Waits: []time.Duration{time.Hour}, Retrying: func(error, time.Duration) { cancel() },
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error is %v, want %v and what was wrong", err, context.Canceled)
	}
}

// A server that takes the connection and says nothing must not hold the fetch.
func TestFetchLeavesASilentSSHServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		cancel()
		t.Cleanup(func() { _ = conn.Close() })
	}()
	key, hostKey := newKey(t)
	_, err = git.Fetch(ctx, git.Options{
		URL: "ssh://" + listener.Addr().String() + "/app.git", Path: script, Dir: t.TempDir(),
		Credentials: secret(t, map[string]string{"ssh-privatekey": key, "known_hosts": access.KnownHost(listener.Addr().String(), hostKey)}),
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}
