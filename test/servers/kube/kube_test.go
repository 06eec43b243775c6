/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package kube

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

func TestMain(m *testing.M) { os.Exit(Run(m)) }

func TestServerKnowsTheKindsOfTopas(t *testing.T) {
	server := Start(t)
	namespace := server.NewNamespace(t, "team=qa")

	created := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop"}}
	if err := server.Client.Create(t.Context(), created); err != nil {
		t.Fatal(err)
	}
	var got v1alpha1.App
	if err := server.Client.Get(t.Context(), client.ObjectKeyFromObject(created), &got); err != nil {
		t.Fatal(err)
	}
	if got.UID == "" || got.UID != created.UID {
		t.Errorf("UID of the App is %q, want %q", got.UID, created.UID)
	}
	if Start(t) != server {
		t.Error("a second Start gave another server, want the one of the test binary")
	}
	if other := server.NewNamespace(t); other == namespace {
		t.Errorf("two namespaces are both %s", other)
	}
}

func TestMissingBinariesSayWhatToDo(t *testing.T) {
	half := t.TempDir()
	if err := os.WriteFile(filepath.Join(half, "etcd"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ reason, assets, want string }{
		{"the variable is not set", "", "KUBEBUILDER_ASSETS is not set: run `make envtest`"},
		{"the folder lacks the API server", half, half + " has no kube-apiserver: run `make envtest`"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Setenv(assetsVariable, tc.assets)
			if _, err := assetsDir(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want one with %q", err, tc.want)
			}
		})
	}
}
