/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package pki

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// The certificates must convince a real TLS server and client.
func TestIssuedCertificatesServeMutualTLS(t *testing.T) {
	authority, err := NewAuthority("test-ca", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	server := issue(t, authority, Identity{CommonName: "server", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}})
	client := issue(t, authority, Identity{CommonName: "admin", Organizations: []string{"system:masters"}})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority.Certificate)

	listener := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subject := r.TLS.PeerCertificates[0].Subject
		_, _ = io.WriteString(w, subject.CommonName+"/"+subject.Organization[0])
	}))
	listener.TLS = &tls.Config{
		Certificates: []tls.Certificate{server}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}
	listener.StartTLS()
	defer listener.Close()

	get := func(certificates ...tls.Certificate) (string, error) {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: certificates}}
		defer transport.CloseIdleConnections()
		response, err := (&http.Client{Transport: transport}).Get(listener.URL)
		if err != nil {
			return "", err
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}
	if body, err := get(client); err != nil || body != "admin/system:masters" {
		t.Errorf("with a certificate of ours: got %q, %v; want user and group", body, err)
	}
	if _, err := get(); err == nil {
		t.Error("the server let a client in that has no certificate")
	}
}

func issue(t *testing.T, authority *Authority, identity Identity) tls.Certificate {
	t.Helper()
	pair, err := authority.Issue(identity)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestCertificatesLiveAsLongAsTheirAuthority(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	authority, err := NewAuthority("test-ca", now, 48*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Issue(Identity{CommonName: "someone"})
	if err != nil {
		t.Fatal(err)
	}
	for name, certificate := range map[string][]byte{"authority": authority.Certificate, "leaf": pair.Certificate} {
		until, err := Expiry(certificate)
		if err != nil || !until.Equal(now.Add(48*time.Hour)) {
			t.Errorf("%s: valid until %v, %v; want two days", name, until, err)
		}
	}
	if _, err := Expiry([]byte("nonsense")); err == nil {
		t.Error("nonsense passes for a certificate")
	}
}
