/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package pod

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// newExecution has a client that counts what it is told to create, and refuses a Pod whenever refuse says so.
func newExecution(refuse func() bool) (*Execution, map[string]int) {
	created := map[string]int{}
	counting := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.CreateOption) error {
			created[reflect.TypeOf(object).Elem().Name()]++
			if _, pod := object.(*corev1.Pod); pod && refuse() {
				return apierrors.NewForbidden(corev1.Resource("pods"), object.GetName(), errors.New("error looking up service account"))
			}
			return c.Create(ctx, object, options...)
		},
	}).Build()
	return &Execution{Client: counting, Live: counting, Image: "runner:v1"}, created
}

func start(t *testing.T, e *Execution, app types.UID, name string) error {
	t.Helper()
	_, err := e.Start(t.Context(), &v1alpha1.TestRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: name, UID: types.UID("uid of " + name)},
		Spec:       v1alpha1.TestRunSpec{AppName: "shop", Script: "print(1)"},
	}, &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "shop", UID: app}})
	return err
}

func TestAccessIsGivenOnce(t *testing.T) {
	for _, tc := range []struct {
		reason string
		// between is what happens after the first run was started, and second the App of the second one.
		between func(*Execution)
		second  types.UID
		want    int
	}{
		{"it is there", func(*Execution) {}, "a", 1},
		{"it may have been deleted long ago", func(e *Execution) { e.accessible.until["a"] = time.Now() }, "a", 2},
		{"it belonged to an App that was deleted", func(*Execution) {}, "b", 2},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			e, created := newExecution(func() bool { return false })
			if err := start(t, e, "a", "first"); err != nil {
				t.Fatal(err)
			}
			tc.between(e)
			// What belongs to another App is not taken over.
			if err := start(t, e, tc.second, "second"); (err != nil) != (tc.second != "a") {
				t.Fatal(err)
			}
			if created["ServiceAccount"] != tc.want {
				t.Errorf("created %v, want %d of ServiceAccount", created, tc.want)
			}
		})
	}
}

func TestAccessIsGivenAgainWhenAPodIsRefused(t *testing.T) {
	refused := false
	e, created := newExecution(func() bool { return refused })
	if err := start(t, e, "a", "first"); err != nil {
		t.Fatal(err)
	}
	refused = true
	var failed *StartError
	if err := start(t, e, "a", "second"); !errors.As(err, &failed) || failed.Final {
		t.Fatalf("error is %v, want one after which it is tried again", err)
	}
	refused = false
	if err := start(t, e, "a", "second"); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"ConfigMap": 3, "ServiceAccount": 2, "RoleBinding": 2, "Pod": 3}
	if diff := cmp.Diff(want, created); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
}

func TestRecentIsBounded(t *testing.T) {
	var r recent[string]
	for i := range 3 * maxRecent {
		r.add(fmt.Sprint(i), time.Hour)
		if !r.has(fmt.Sprint(i)) {
			t.Fatalf("what was done just now is forgotten at %d", i)
		}
	}
	if len(r.until) > maxRecent {
		t.Errorf("%d are remembered, want at most %d", len(r.until), maxRecent)
	}
}
