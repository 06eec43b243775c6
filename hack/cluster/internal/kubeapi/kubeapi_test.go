/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package kubeapi

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/topas-dev/topas/hack/cluster/internal/pki"
)

func clientOf(t *testing.T, status int, answer string) *Client {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	t.Cleanup(server.Close)
	authority, err := pki.NewAuthority("test", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	user, err := authority.Issue(pki.Identity{CommonName: "someone"})
	if err != nil {
		t.Fatal(err)
	}
	trusted := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	client, err := New(server.URL, trusted, user)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestNodeReady(t *testing.T) {
	tests := map[string]struct {
		reason  string
		status  int
		answer  string
		version string
		failure string
	}{
		"Ready": {
			"the version is for `status`", 200,
			`{"status":{"nodeInfo":{"kubeletVersion":"v1.36.3"},"conditions":[{"type":"DiskPressure","status":"False"},{"type":"Ready","status":"True"}]}}`,
			"v1.36.3", "",
		},
		"NotReady": {
			"the kubelet says why", 200,
			`{"status":{"conditions":[{"type":"Ready","status":"False","reason":"KubeletNotReady","message":"cni plugin not initialized"}]}}`,
			"", "KubeletNotReady: cni plugin not initialized",
		},
		"New":     {"no kubelet has reported yet", 200, `{}`, "", "no condition Ready yet"},
		"Missing": {"the API server's message is passed on", 404, `{"kind":"Status","message":"nodes \"topas\" not found"}`, "", `nodes "topas" not found`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			version, err := clientOf(t, tc.status, tc.answer).NodeReady(t.Context(), "topas")
			if version != tc.version || (err == nil) != (tc.failure == "") {
				t.Fatalf("%s: got %q, %v", tc.reason, version, err)
			}
			if err != nil && !strings.Contains(err.Error(), tc.failure) {
				t.Errorf("%s: got %v, want %q in it", tc.reason, err, tc.failure)
			}
		})
	}
}

func TestReadyNamesOnlyWhatFails(t *testing.T) {
	err := clientOf(t, 500, "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n").Ready(t.Context())
	if err == nil || !strings.Contains(err.Error(), "[-]etcd failed") || strings.Contains(err.Error(), "ping") {
		t.Errorf("got %v, want the failed check alone", err)
	}
}
