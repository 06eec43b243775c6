//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package undeployed looks at a cluster from which TOPAS was taken away.
package undeployed

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	ctrl "sigs.k8s.io/controller-runtime"
)

// Nothing that is named after TOPAS, or that TOPAS made, is in any namespace.
func TestNothingIsLeft(t *testing.T) {
	config, err := ctrl.GetConfig()
	if err != nil {
		t.Fatalf("no cluster to look at: %v", err)
	}
	config.QPS, config.Burst = 100, 200
	kinds, err := discovery.NewDiscoveryClientForConfigOrDie(config).ServerPreferredResources()
	if err != nil {
		t.Fatal(err)
	}
	objects := dynamic.NewForConfigOrDie(config)
	for _, group := range kinds {
		for _, kind := range group.APIResources {
			if !slices.Contains(kind.Verbs, "list") || kind.Name == "events" {
				continue
			}
			if strings.HasSuffix(group.GroupVersion, "topas.dev/v1alpha1") {
				t.Errorf("the API still serves %s", kind.Name)
				continue
			}
			left(t, objects, group.GroupVersion, kind.Name)
		}
	}
}

func left(t *testing.T, objects dynamic.Interface, groupVersion, resource string) {
	t.Helper()
	gv, err := schema.ParseGroupVersion(groupVersion)
	if err != nil {
		t.Fatal(err)
	}
	list, err := objects.Resource(gv.WithResource(resource)).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatalf("listing %s: %v", resource, err)
	}
	for _, item := range list.Items {
		if ofTopas(item) {
			t.Errorf("left behind: %s %s/%s", resource, item.GetNamespace(), item.GetName())
		}
	}
}

func ofTopas(item unstructured.Unstructured) bool {
	if strings.HasPrefix(item.GetName(), "topas-") || strings.HasPrefix(item.GetNamespace(), "topas-") {
		return true
	}
	for label := range item.GetLabels() {
		if strings.HasPrefix(label, "topas.dev/") {
			return true
		}
	}
	return false
}
