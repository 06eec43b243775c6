/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package kubeconfig

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/topas-dev/topas/hack/cluster/internal/pki"
)

func TestRender(t *testing.T) {
	const want = `apiVersion: v1
kind: Config
current-context: topas
clusters:
- name: topas
  cluster:
    server: https://127.0.0.1:1
    certificate-authority-data: Y2E=
users:
- name: topas
  user:
    client-certificate-data: Y2VydA==
    client-key-data: a2V5
contexts:
- name: topas
  context:
    cluster: topas
    user: topas
`
	got := Render("https://127.0.0.1:1", []byte("ca"), pki.Pair{Certificate: []byte("cert"), Key: []byte("key")})
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
