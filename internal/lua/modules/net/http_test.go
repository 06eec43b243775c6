/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"

	driver "github.com/topas-dev/topas/internal/driver/net"
	"github.com/topas-dev/topas/internal/lua/modules/net"
	"github.com/topas-dev/topas/internal/lua/vm"
)

// files are the files of a test by name.
type files map[string]string

func (f files) ReadFile(name string) ([]byte, error) {
	content, ok := f[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(content), nil
}

// runWith runs a script that has files.
func runWith(t *testing.T, h hosts, f files, script string) (string, error) {
	t.Helper()
	client := driver.NewClient(h)
	t.Cleanup(client.Close)
	var output bytes.Buffer
	machine := vm.New(vm.Config{Output: &output, Modules: map[string]lua.LGFunction{"net": net.New(client, f).Loader}})
	defer machine.Close()
	err := machine.Run(t.Context(), "test.lua", []byte(`local net = require("net") `+script))
	return output.String(), err
}

// clientCertificate makes a certificate that only its own authority trusts, and its key, in PEM.
func clientCertificate(t *testing.T, pool *x509.CertPool) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	template.Subject.CommonName = "alice"
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(signed)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(parsed)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}

// serveMutualTLS starts a server that asks for a certificate, and returns the files of a test that may call it.
func serveMutualTLS(t *testing.T) (hosts, files) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s by %s", r.TLS.PeerCertificates[0].Subject.CommonName, r.Proto)
	}))
	pool := x509.NewCertPool()
	f := files{"text": "no certificate"}
	f["client.crt"], f["client.key"] = clientCertificate(t, pool)
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(t.Output(), "", 0)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	server.StartTLS()
	t.Cleanup(server.Close)
	f["ca.crt"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	return hosts{"example.com": server.Listener.Addr().String()}, f
}

func TestClientCertificates(t *testing.T) {
	h, f := serveMutualTLS(t)
	cases := []struct{ reason, script, want string }{
		{"files of the test", `print(net.get("https://example.com/", { tls = { ca = "ca.crt", cert = "client.crt", key = "client.key" } }).body)`, "alice by HTTP/2.0\n"},
		{"PEM text", fmt.Sprintf(`print(net.get("https://example.com/", { tls = { ca = %q, cert = %q, key = %q } }).body)`, f["ca.crt"], f["client.crt"], f["client.key"]),
			"alice by HTTP/2.0\n"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			got, err := runWith(t, h, f, c.script)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClientCertificateErrors(t *testing.T) {
	h, f := serveMutualTLS(t)
	cases := []struct{ reason, tls, want string }{
		{"a key without its certificate", `{ ca = "ca.crt", key = "client.key" }`, "the TLS options cert and key must be given together"},
		{"a file that is not there", `{ ca = "ca.pem" }`,
			`bad argument #2 to get (option "tls.ca": want PEM text or a file of the test: "ca.pem" not found beside the script or in the root of the test's files)`},
		{"a file of something else", `{ ca = "text" }`, "the TLS option ca holds no certificate in PEM"},
		{"text that is no PEM", `{ key = "line\nline" }`, `bad argument #2 to get (option "tls.key": want PEM text or a file of the test: the text is neither)`},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			_, err := runWith(t, h, f, `net.get("https://example.com/", { tls = `+c.tls+` })`)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Run gave %v, want %s", err, c.want)
			}
		})
	}
}

func TestCookiesLastForARun(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/login":
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "s1", Path: "/"})
			http.Redirect(w, r, "/whoami", http.StatusSeeOther)
		case "/logout":
			http.SetCookie(w, &http.Cookie{Name: "session", Path: "/", MaxAge: -1})
		default:
			_, _ = fmt.Fprintf(w, "%q", r.Header.Get("Cookie"))
		}
	}))
	t.Cleanup(server.Close)
	h := hosts{"frontend": server.Listener.Addr().String(), "backend": server.Listener.Addr().String()}
	script := `
		print(net.get("http://frontend/whoami").body)
		print(net.post("http://frontend/login").body, net.get("http://frontend/whoami", { headers = { Cookie = "a=b" } }).body)
		print(net.get("http://backend/whoami").body)
		net.get("http://frontend/logout")
		print(net.get("http://frontend/whoami").body)
		net.post("http://frontend/login")`
	want := "\"\"\n\"session=s1\"\t\"a=b; session=s1\"\n\"\"\n\"\"\n"
	// The second run begins without the cookies of the first.
	for range 2 {
		got, err := run(t, h, script)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("output (-want +got):\n%s", diff)
		}
	}
}
