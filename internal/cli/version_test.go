/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"
	"encoding/json"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/test/servers/kube"
)

func TestVersion(t *testing.T) {
	server := kube.Start(t)
	installed := kubeconfig(t, server.Config, "default")
	bare := kubeconfig(t, &rest.Config{Host: withoutTopas(t, server.Config)}, "default")
	none := filepath.Join(t.TempDir(), "none")
	for _, tc := range []struct {
		reason, kubeconfig, args string
		lines                    []string
		code                     int
	}{
		{"with TOPAS", installed, "version", []string{"kctrl ", "Kubernetes  v1.", "TOPAS       topas.dev/v1alpha1"}, ExitOK},
		{"without TOPAS", bare, "version", []string{"kctrl ", "Kubernetes  v1.", "TOPAS       not installed"}, ExitOK},
		{"the client alone", none, "version --client", []string{"kctrl "}, ExitOK},
		{"without a cluster", none, "version", []string{"kctrl "}, ExitError},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Setenv("KUBECONFIG", tc.kubeconfig)
			got := call(t.Context(), "", strings.Fields(tc.args)...)
			lines := strings.Split(strings.TrimSpace(got.Stdout), "\n")
			if got.Code != tc.code || len(lines) != len(tc.lines) || (got.Stderr != "") != (tc.code != ExitOK) {
				t.Fatalf("version: %+v", got)
			}
			for i, want := range tc.lines {
				if !strings.HasPrefix(lines[i], want) {
					t.Errorf("line %d is %q, want %q", i, lines[i], want)
				}
			}
		})
	}

	t.Setenv("KUBECONFIG", installed)
	var version versionInfo
	if err := json.Unmarshal([]byte(call(t.Context(), "", "version", "-o", "json").Stdout), &version); err != nil {
		t.Fatal(err)
	}
	if version.Client.Go != runtime.Version() || version.Server == nil || version.Server.API != "topas.dev/v1alpha1" {
		t.Errorf("version is %+v", version)
	}

	makeManager(t, server.Client)
	got := call(t.Context(), "", "version")
	if want := "TOPAS       topas.dev/v1alpha1 (registry/controller:v1.2.0)\n"; !strings.HasSuffix(got.Stdout, want) {
		t.Errorf("version with a manager: %+v, want %q", got, want)
	}
}

// makeManager makes what make deploy does, as far as its version goes.
func makeManager(t *testing.T, c client.Client) {
	t.Helper()
	labels := map[string]string{"app": "manager"}
	manager := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "topas-system", Name: "topas-controller-manager"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "proxy", Image: "proxy"}, {Name: "manager", Image: "registry/controller:v1.2.0"}}},
			},
		},
	}
	// Nothing would end the deletion of a namespace, so it stays, and may be there.
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: manager.Namespace}}
	if err := c.Create(t.Context(), namespace); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	if err := c.Create(t.Context(), manager); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Delete(context.Background(), manager); err != nil {
			t.Errorf("delete the manager: %v", err)
		}
	})
}
