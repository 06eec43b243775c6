/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package kubeconfig writes the files that clients of the API server read.
package kubeconfig

import (
	"encoding/base64"
	"fmt"

	"github.com/topas-dev/topas/hack/cluster/internal/pki"
)

// Context is the name of the only context in each file.
const Context = "topas"

// Render returns a kubeconfig with one cluster, one user and one context, all
// called topas. server is a URL. Everything is embedded, so the file can be
// copied to wherever the server is reached.
func Render(server string, authority []byte, user pki.Pair) []byte {
	encode := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: %[1]s
clusters:
- name: %[1]s
  cluster:
    server: %[2]s
    certificate-authority-data: %[3]s
users:
- name: %[1]s
  user:
    client-certificate-data: %[4]s
    client-key-data: %[5]s
contexts:
- name: %[1]s
  context:
    cluster: %[1]s
    user: %[1]s
`, Context, server, encode(authority), encode(user.Certificate), encode(user.Key))
}
