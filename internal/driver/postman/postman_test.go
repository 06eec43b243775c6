/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package postman_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/topas-dev/topas/internal/driver/postman"
	"github.com/topas-dev/topas/test/servers/newman"
)

const secret = "s3cret"

// backend answers with the Host header and with the user who logged in.
type backend struct {
	user    string
	hanging chan struct{}
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/login":
		body, _ := io.ReadAll(r.Body)
		var login struct{ User string }
		if json.Unmarshal(body, &login) != nil || r.URL.Query().Get("password") != secret {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		b.user = login.User
	case "/hang":
		b.hanging <- struct{}{}
		<-r.Context().Done()
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"host": r.Host, "user": b.user})
}

// hosts resolves the names of an App with one service.
type hosts struct {
	names []string
	host  string
	port  int32
}

func (h hosts) Resolve(host string) (string, int32, bool) {
	for _, name := range h.names {
		if name == host {
			return h.host, h.port, true
		}
	}
	return "", 0, false
}

type fixture struct {
	runner  *postman.Runner
	backend *backend
	address string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	b := &backend{hanging: make(chan struct{}, 10)}
	srv := httptest.NewServer(b)
	t.Cleanup(srv.Close)
	address := srv.Listener.Addr().String()
	return &fixture{
		runner:  postman.New(postman.Config{Newman: newman.Dir(t), Hosts: resolver(t, address)}),
		backend: b,
		address: address,
	}
}

func resolver(t *testing.T, address string) hosts {
	t.Helper()
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return hosts{names: []string{"frontend", "mock-app-frontend.test.svc"}, host: host, port: int32(port)}
}

func collection(t *testing.T) postman.Document {
	t.Helper()
	data, err := os.ReadFile("testdata/login.json")
	if err != nil {
		t.Fatal(err)
	}
	return postman.Document{Name: "tests/login.json", Content: data}
}

func environment(base, host string) *postman.Document {
	data, _ := json.Marshal(map[string]any{"values": []map[string]string{
		{"key": "base", "value": base}, {"key": "host", "value": host},
		{"key": "user", "value": "alice"}, {"key": "password", "value": secret},
	}})
	return &postman.Document{Name: "tests/staging.env.json", Content: data}
}

func count(total, failed int) postman.Count { return postman.Count{Total: total, Failed: failed} }

func TestRunReportsWhatFailed(t *testing.T) {
	f := newFixture(t)
	direct := environment("http://"+f.address, f.address)

	for _, tc := range []struct {
		reason     string
		o          postman.Options
		failures   []postman.Failure
		requests   postman.Count
		assertions postman.Count
		output     string
	}{
		{
			reason: "a folder that passes", o: postman.Options{Environment: direct, Folders: []string{"Login Flow"}},
			requests: count(2, 0), assertions: count(3, 0),
			output: "POST http://ADDRESS/login 200 OK TIME\n" +
				"  log: logged in as alice\n" +
				"GET http://ADDRESS/profile 200 OK TIME\n",
		},
		{
			reason: "one request by its name", o: postman.Options{Environment: direct, Folders: []string{"Log in"}},
			requests: count(1, 0), assertions: count(2, 0),
			output: "POST http://ADDRESS/login 200 OK TIME\n  log: logged in as alice\n",
		},
		{
			reason: "an assertion that fails, with vars over the environment",
			o:      postman.Options{Environment: direct, Folders: []string{"Login Flow"}, Vars: map[string]string{"user": "bob"}},
			failures: []postman.Failure{{
				Name: "AssertionError", Test: "the user is the one who logged in", Message: "expected 'bob' to deeply equal 'alice'",
				Item: "Login Flow / Profile", At: "assertion:0 in test-script", Iteration: 1, Request: "GET http://ADDRESS/profile",
			}},
			requests: count(2, 0), assertions: count(3, 1),
			output: "POST http://ADDRESS/login 200 OK TIME\n" +
				"  log: logged in as bob\n" +
				"GET http://ADDRESS/profile 200 OK TIME\n" +
				"  ✗ the user is the one who logged in: expected 'bob' to deeply equal 'alice'\n",
		},
		{
			reason: "a request that can't be made and a script with an error", o: postman.Options{Environment: direct, Folders: []string{"Broken"}},
			failures: []postman.Failure{
				{
					Name: "Error", Message: "connect ECONNREFUSED 127.0.0.1:1",
					Item: "Broken / Nobody listens", At: "request", Iteration: 1, Request: "GET http://127.0.0.1:1/nothing",
				},
				{
					Name: "ReferenceError", Message: "undefinedFunction is not defined",
					Item: "Broken / Bad script", At: "test-script", Iteration: 1, Request: "GET http://ADDRESS/profile",
				},
			},
			requests: count(2, 1), assertions: count(0, 0),
			output: "GET http://127.0.0.1:1/nothing ✗ connect ECONNREFUSED 127.0.0.1:1\n" +
				"GET http://ADDRESS/profile 200 OK TIME\n" +
				"  ✗ test script: ReferenceError: undefinedFunction is not defined\n",
		},
		{
			reason: "bail ends the run at the first failure", o: postman.Options{Environment: direct, Folders: []string{"Broken"}, Bail: true},
			failures: []postman.Failure{{
				Name: "Error", Message: "connect ECONNREFUSED 127.0.0.1:1",
				Item: "Broken / Nobody listens", At: "request", Iteration: 1, Request: "GET http://127.0.0.1:1/nothing",
			}},
			requests: count(1, 1), assertions: count(0, 0),
			output: "GET http://127.0.0.1:1/nothing ✗ connect ECONNREFUSED 127.0.0.1:1\n",
		},
		{
			reason: "a request that takes too long", o: postman.Options{Environment: direct, Folders: []string{"Slow"}, Timeout: 300 * time.Millisecond},
			failures: []postman.Failure{{
				Name: "Error", Message: "ESOCKETTIMEDOUT",
				Item: "Slow / Never answers", At: "request", Iteration: 1, Request: "GET http://ADDRESS/hang",
			}},
			requests: count(1, 1), assertions: count(0, 0),
			output: "GET http://ADDRESS/hang ✗ ESOCKETTIMEDOUT\n",
		},
		{
			reason: "rows of data are iterations",
			o: postman.Options{
				Environment: direct, Folders: []string{"Login Flow"},
				Rows: []map[string]any{{"user": "alice"}, {"user": "carol"}},
			},
			failures: []postman.Failure{{
				Name: "AssertionError", Test: "the user is the one who logged in", Message: "expected 'carol' to deeply equal 'alice'",
				Item: "Login Flow / Profile", At: "assertion:0 in test-script", Iteration: 2, Request: "GET http://ADDRESS/profile",
			}},
			requests: count(4, 0), assertions: count(6, 1),
			output: "POST http://ADDRESS/login 200 OK TIME\n" +
				"  log: logged in as alice\n" +
				"GET http://ADDRESS/profile 200 OK TIME\n" +
				"POST http://ADDRESS/login 200 OK TIME\n" +
				"  log: logged in as carol\n" +
				"GET http://ADDRESS/profile 200 OK TIME\n" +
				"  ✗ the user is the one who logged in: expected 'carol' to deeply equal 'alice'\n",
		},
		{
			reason: "data in CSV",
			o: postman.Options{
				Environment: direct, Folders: []string{"Log in"},
				Data: &postman.Document{Name: "users.csv", Content: []byte("user\nalice\nbob\n")},
			},
			requests: count(2, 0), assertions: count(4, 0),
			output: "POST http://ADDRESS/login 200 OK TIME\n  log: logged in as alice\n" +
				"POST http://ADDRESS/login 200 OK TIME\n  log: logged in as bob\n",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			tc.o.Collection = collection(t)
			var out bytes.Buffer
			report, err := f.runner.Run(t.Context(), tc.o, &out)
			if err != nil {
				t.Fatal(err)
			}
			for i := range tc.failures {
				tc.failures[i].Request = strings.ReplaceAll(tc.failures[i].Request, "ADDRESS", f.address)
			}
			if diff := cmp.Diff(tc.failures, report.Failures, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
			if report.Passed() != (len(tc.failures) == 0) {
				t.Errorf("passed: %v", report.Passed())
			}
			stats := map[string]postman.Count{"requests": tc.requests, "assertions": tc.assertions}
			if diff := cmp.Diff(stats, map[string]postman.Count{"requests": report.Stats["requests"], "assertions": report.Stats["assertions"]}); diff != "" {
				t.Errorf("stats (-want +got):\n%s", diff)
			}
			if report.Duration <= 0 || report.Duration > time.Minute {
				t.Errorf("duration is %s", report.Duration)
			}
			got := regexp.MustCompile(`OK \d+ms`).ReplaceAllString(strings.ReplaceAll(out.String(), f.address, "ADDRESS"), "OK TIME")
			if diff := cmp.Diff(tc.output, got); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
			if strings.Contains(out.String()+mustJSON(t, report), secret) {
				t.Errorf("the password is shown:\n%s\n%s", out.String(), mustJSON(t, report))
			}
		})
	}
}

func TestRunReachesHostsOfTheApp(t *testing.T) {
	f := newFixture(t)
	_, port, err := net.SplitHostPort(f.address)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ reason, base, host string }{
		{"the short name, at the service's own port", "http://frontend", "frontend"},
		{"the full name, at the service's own port", "http://mock-app-frontend.test.svc", "mock-app-frontend.test.svc"},
		{"a port that the URL names", "http://frontend:" + port, "frontend:" + port},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			report, err := f.runner.Run(t.Context(), postman.Options{
				Collection: collection(t), Environment: environment(tc.base, tc.host), Folders: []string{"Login Flow"},
			}, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if !report.Passed() || report.Stats["assertions"].Total != 3 {
				t.Errorf("report is %s", mustJSON(t, report))
			}
		})
	}
}

func TestRunKeepsTheServerNameOfTLS(t *testing.T) {
	names := make(chan string, 1)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { names <- r.TLS.ServerName }))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // the handshake that fails is wanted
	srv.StartTLS()
	t.Cleanup(srv.Close)
	runner := postman.New(postman.Config{Newman: newman.Dir(t), Hosts: resolver(t, srv.Listener.Addr().String())})
	report, err := runner.Run(t.Context(), postman.Options{Collection: postman.Document{Name: "tls.json", Content: []byte(`{"item": [
		{"name": "any certificate will do", "protocolProfileBehavior": {"strictSSL": false}, "request": {"url": "https://frontend/"}},
		{"name": "the certificate is checked", "request": {"url": "https://frontend/"}}
	]}`)}}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Failures) != 1 || report.Failures[0].Item != "the certificate is checked" || !strings.Contains(report.Failures[0].Message, "certificate") {
		t.Errorf("report is %s", mustJSON(t, report))
	}
	if name := <-names; name != "frontend" {
		t.Errorf("server name is %q", name)
	}
}

func TestRunReadsNoFilesOfTheMachine(t *testing.T) {
	f := newFixture(t)
	report, err := f.runner.Run(t.Context(), postman.Options{
		Environment: environment("http://"+f.address, f.address),
		Collection: postman.Document{Name: "upload.json", Content: []byte(`{"item": [{
			"name": "upload",
			"event": [{"listen": "test", "script": {"exec": ["pm.test('nothing was sent', () => pm.response.to.have.status(403))"]}}],
			"request": {"method": "POST", "url": "{{base}}/login", "body": {"mode": "file", "file": {"src": "/etc/hostname"}}}
		}]}`)},
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !report.Passed() {
		t.Errorf("report is %s", mustJSON(t, report))
	}
}

func TestRunIsKilledWithItsContext(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-f.backend.hanging
		cancel()
	}()
	_, err := f.runner.Run(ctx, postman.Options{
		Collection: collection(t), Environment: environment("http://"+f.address, f.address), Folders: []string{"Slow"},
	}, io.Discard)
	if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "collection tests/login.json was stopped") {
		t.Errorf("error is %v", err)
	}
	// Wait4 finds no child: the process is dead and reaped.
	if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); !errors.Is(err, syscall.ECHILD) {
		t.Errorf("a child process is left: pid %d, error %v", pid, err)
	}
}

func TestRunSaysWhatIsWrongWithItsInstallation(t *testing.T) {
	dir := t.TempDir()
	_, err := postman.New(postman.Config{Newman: dir}).Run(t.Context(), postman.Options{Collection: collection(t)}, io.Discard)
	if want := "newman is not installed in " + dir + ": it has no node_modules/newman"; err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
	_, err = postman.New(postman.Config{Newman: newman.Dir(t), Node: "no-such-node"}).Run(t.Context(), postman.Options{Collection: collection(t)}, io.Discard)
	if err == nil || !strings.HasPrefix(err.Error(), `starting Newman: exec: "no-such-node": executable file not found`) {
		t.Errorf("error is %v", err)
	}
}

func mustJSON(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
