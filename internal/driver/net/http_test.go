/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	stdnet "net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// app resolves the hosts of a test to addresses "host:port".
type app map[string]string

func (a app) Resolve(host string) (string, int32, bool) {
	address, ok := a[host]
	if !ok {
		return "", 0, false
	}
	target, port, err := stdnet.SplitHostPort(address)
	if err != nil {
		panic(err)
	}
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		panic(err)
	}
	return target, int32(number), true
}

// echo answers with what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("X-Asked", r.Method+" "+r.URL.String())
	w.Header().Set("X-Protocol", r.Proto)
	w.WriteHeader(http.StatusAccepted)
	_, _ = fmt.Fprintf(w, "%s|%s|%s|%s", r.Host, r.Header.Get("X-Id"), r.Header.Get("Authorization"), body)
}

func serve(t *testing.T, handler http.HandlerFunc) (address string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func newTestClient(t *testing.T, hosts app) *Client {
	t.Helper()
	client := NewClient(hosts)
	t.Cleanup(client.Close)
	return client
}

func TestDo(t *testing.T) {
	frontend := serve(t, echo)
	_, port, _ := stdnet.SplitHostPort(frontend)
	// A second name that leads to the first, and a path of its own on each.
	backend := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://frontend/moved", http.StatusFound)
	})
	client := newTestClient(t, app{"frontend": frontend, "backend": backend})

	type answer struct {
		Code      int
		Status    string
		Asked     string
		Body, URL string
	}
	cases := []struct {
		reason  string
		request Request
		want    answer
	}{
		{
			"a service is reached on its own port, and sees the host as it was written",
			Request{Method: "GET", URL: "http://frontend/users/alice?x=1"},
			answer{202, "202 Accepted", "GET /users/alice?x=1", "frontend|||", "http://frontend/users/alice?x=1"},
		},
		{
			"a port that is given is taken",
			Request{Method: "GET", URL: "http://frontend:" + port + "/"},
			answer{202, "202 Accepted", "GET /", "frontend:" + port + "|||", "http://frontend:" + port + "/"},
		},
		{
			"another host is taken as it is",
			Request{Method: "GET", URL: "http://" + frontend + "/"},
			answer{202, "202 Accepted", "GET /", frontend + "|||", "http://" + frontend + "/"},
		},
		{
			"everything is sent",
			Request{
				Method: "POST", URL: "http://frontend/users?a=1", Query: url.Values{"b": {"2 3", "4"}}, Body: []byte("hello"),
				Headers: http.Header{"X-Id": {"7"}, "Host": {"other"}}, User: "alice", Password: "secret",
			},
			answer{202, "202 Accepted", "POST /users?a=1&b=2+3&b=4", "other|7|Basic YWxpY2U6c2VjcmV0|hello", "http://frontend/users?a=1&b=2+3&b=4"},
		},
		{
			"a redirect to a service is followed to its own port",
			Request{Method: "GET", URL: "http://backend/", MaxRedirects: 3},
			answer{202, "202 Accepted", "GET /moved", "frontend|||", "http://frontend/moved"},
		},
		{
			"without redirects the first answer is returned",
			Request{Method: "HEAD", URL: "http://backend/"},
			answer{302, "302 Found", "", "", "http://backend/"},
		},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			response, err := client.Do(t.Context(), c.request)
			if err != nil {
				t.Fatal(err)
			}
			got := answer{response.Code, response.Status, response.Headers.Get("X-Asked"), string(response.Body), response.URL}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("response (-want +got):\n%s", diff)
			}
			if response.Duration <= 0 {
				t.Errorf("the duration is %s", response.Duration)
			}
		})
	}
}

func TestDoErrors(t *testing.T) {
	dead := deadAddress(t)
	loop := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) })
	away := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "http://dead/", http.StatusFound) })
	silent := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/connect" {
			<-r.Context().Done()
		}
	})
	broken := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = fmt.Fprint(w, "too short")
	})
	endless := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 1<<20)
		for range MaxBody>>20 + 1 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	secure := httptest.NewTLSServer(http.HandlerFunc(echo))
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = nil
	client := newTestClient(t, app{
		"dead": dead, "loop": loop, "away": away, "silent": silent, "broken": broken, "endless": endless,
		"secure": secure.Listener.Addr().String(),
	})

	// The connection is there already when the time for the answer counts.
	if _, err := client.Do(t.Context(), Request{Method: "GET", URL: "http://silent/connect"}); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		reason  string
		request Request
		want    string
	}{
		{"nobody listens", Request{Method: "GET", URL: "http://dead/x"},
			"GET http://dead/x (" + dead + "): dial tcp " + dead + ": connect: connection refused"},
		{"nobody listens at the other end of a redirect", Request{Method: "GET", URL: "http://away/", MaxRedirects: 1},
			"GET http://away/ (" + away + "), redirected to http://dead/ (" + dead + "): dial tcp " + dead + ": connect: connection refused"},
		{"too many redirects", Request{Method: "GET", URL: "http://loop/", MaxRedirects: 2},
			"GET http://loop/ (" + loop + "): more than 2 redirects"},
		{"no answer in time", Request{Method: "GET", URL: "http://silent/", Timeout: 50 * time.Millisecond},
			"GET http://silent/ (" + silent + "): no answer within 50ms: context deadline exceeded"},
		{"the answer breaks off", Request{Method: "GET", URL: "http://broken/"},
			"GET http://broken/ (" + broken + "): read the body of the response 200 OK: unexpected EOF"},
		{"the answer does not end", Request{Method: "GET", URL: "http://endless/"},
			"GET http://endless/ (" + endless + "): the body of the response 200 OK has more than 64 MiB"},
		{"an unknown authority", Request{Method: "GET", URL: "https://secure/"},
			"GET https://secure/ (" + secure.Listener.Addr().String() + "): TLS: tls: failed to verify certificate: x509: certificate is valid for example.com, *.example.com, not secure"},
		{"not a URL", Request{Method: "GET", URL: "frontend/x"},
			"GET frontend/x: want a URL such as http://frontend/path or https://example.com"},
		{"a URL that can't be parsed", Request{Method: "GET", URL: "http://a b/"},
			`GET http://a b/: invalid character " " in host name`},
		{"not a method", Request{Method: "G T", URL: "http://frontend/"}, `G T http://frontend/: net/http: invalid method "G T"`},
		{"not a certificate", Request{Method: "GET", URL: "https://secure/", TLS: TLS{CA: "x"}},
			"GET https://secure/: the TLS option ca holds no certificate in PEM"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			response, err := client.Do(t.Context(), c.request)
			if err == nil {
				t.Fatalf("Do gave %+v", response)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDoUnknownHost(t *testing.T) {
	client := newTestClient(t, app{})
	_, err := client.Do(t.Context(), Request{Method: "GET", URL: "http://no-such-host.invalid/", Timeout: 10 * time.Second})
	if err == nil || !strings.HasPrefix(err.Error(), "GET http://no-such-host.invalid/: ") {
		t.Fatalf("Do gave the error %v", err)
	}
	var lookup *stdnet.DNSError
	if !errors.As(err, &lookup) {
		t.Errorf("Do gave %v, want an error of the name lookup", err)
	}
}

// deadAddress is an address at which nobody listens any more.
func deadAddress(t *testing.T) string {
	t.Helper()
	listener, err := stdnet.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}

func TestDoTLS(t *testing.T) {
	var serverName atomic.Value
	server := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	server.TLS.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		serverName.Store(hello.ServerName)
		return nil, nil
	}
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	// The server's certificate is for example.com, which leads to it as a service of the App does.
	client := newTestClient(t, app{"example.com": server.Listener.Addr().String(), "secure": server.Listener.Addr().String()})

	for _, c := range []struct {
		reason, url string
		tls         TLS
		want        string
	}{
		{"the name is verified as it was written", "https://example.com/", TLS{CA: ca}, "example.com"},
		{"another name is verified", "https://secure/", TLS{CA: ca, ServerName: "example.com"}, "example.com"},
		{"nothing is verified", "https://secure/", TLS{Insecure: true}, "secure"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			response, err := client.Do(t.Context(), Request{Method: "GET", URL: c.url, TLS: c.tls})
			if err != nil {
				t.Fatal(err)
			}
			if response.Code != http.StatusAccepted || serverName.Load() != c.want || response.Headers.Get("X-Protocol") != "HTTP/2.0" {
				t.Errorf("status %d by %s, server name %q, want %q", response.Code, response.Headers.Get("X-Protocol"), serverName.Load(), c.want)
			}
		})
	}
}

func TestConnectionsAreReused(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	server.Config.ConnState = func(_ stdnet.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	client := newTestClient(t, app{"frontend": server.Listener.Addr().String()})
	for range 5 {
		if _, err := client.Do(t.Context(), Request{Method: "GET", URL: "http://frontend/"}); err != nil {
			t.Fatal(err)
		}
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("5 requests took %d connections", got)
	}
}

func TestDoEndsWithTheContext(t *testing.T) {
	asked := make(chan struct{})
	silent := serve(t, func(_ http.ResponseWriter, r *http.Request) { close(asked); <-r.Context().Done() })
	client := newTestClient(t, app{"silent": silent})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	_, err := client.Do(ctx, Request{Method: "GET", URL: "http://silent/"})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Do gave %v, want %v", err, context.Canceled)
	}
}
