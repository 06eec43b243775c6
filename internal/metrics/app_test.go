/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package metrics

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// listed is a cache that holds these Apps, or gives this error.
type listed struct {
	client.Reader
	apps []v1alpha1.App
	err  error
}

func (l *listed) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	list.(*v1alpha1.AppList).Items = l.apps
	return l.err
}

func appWith(name string, generation int64, conditions ...metav1.Condition) v1alpha1.App {
	return v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: name, Generation: generation},
		Status:     v1alpha1.AppStatus{Conditions: conditions},
	}
}

func TestAppReady(t *testing.T) {
	ready := func(status metav1.ConditionStatus, generation int64) metav1.Condition {
		return metav1.Condition{Type: v1alpha1.AppConditionReady, Status: status, ObservedGeneration: generation}
	}
	manager := &listed{apps: []v1alpha1.App{
		appWith("good", 2, ready("True", 2)),
		appWith("bad", 2, ready("False", 2)),
		appWith("changed", 3, ready("True", 2)),
		appWith("new", 1),
	}}
	registry := prometheus.NewPedanticRegistry()
	if err := RegisterApps(registry, manager); err != nil {
		t.Fatal(err)
	}
	want := `
# HELP topas_app_ready 1 if the App is Ready as its spec says now, 0 if it is not.
# TYPE topas_app_ready gauge
topas_app_ready{app="bad",namespace="qa"} 0
topas_app_ready{app="changed",namespace="qa"} 0
topas_app_ready{app="good",namespace="qa"} 1
topas_app_ready{app="new",namespace="qa"} 0
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	manager.apps = manager.apps[:1]
	if n := testutil.CollectAndCount(apps{manager}); n != 1 {
		t.Errorf("%d metrics after the other Apps are gone, want 1", n)
	}
	manager.err = &cache.ErrCacheNotStarted{}
	if n := testutil.CollectAndCount(apps{manager}); n != 0 {
		t.Errorf("%d metrics before anything is known, want none", n)
	}
	manager.err = errors.New("no cache")
	if _, err := registry.Gather(); err == nil || !strings.Contains(err.Error(), "listing the Apps: no cache") {
		t.Errorf("error is %v, want the one of the cache", err)
	}
}
