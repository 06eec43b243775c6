/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package sut_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/driver/sut"
)

// Two tests, and the controller that reports all the while, change one App at the same time.
func TestConcurrentChangesLoseNothing(t *testing.T) {
	f := newFixture(t)
	const edits = 15
	var tests, controller sync.WaitGroup
	ended := make(chan struct{})
	controller.Go(func() {
		for {
			select {
			case <-ended:
				return
			default:
			}
			app := f.app()
			app.Status.ObservedGeneration = app.Generation
			_ = f.kube.Status().Update(t.Context(), app) // it is in conflict often
		}
	})
	want := map[string]string{"MODE": "test"}
	for _, name := range []string{"A", "B"} {
		c := f.client(f.kube)
		for i := range edits {
			want[fmt.Sprintf("%s%d", name, i)] = "set"
		}
		tests.Go(func() {
			for i := range edits {
				if err := c.ApplyService(t.Context(), "frontend", sut.Patch{EnvVars: map[string]string{fmt.Sprintf("%s%d", name, i): "set"}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	tests.Wait()
	close(ended)
	controller.Wait()
	if diff := cmp.Diff(want, f.app().Spec.Services[0].EnvVars); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
}

func TestRollback(t *testing.T) {
	f := newFixture(t)
	c, other, ctx := f.client(f.kube), f.client(f.kube), t.Context()
	for _, err := range []error{
		c.Rollback(ctx, "frontend"), // there is nothing to roll back
		c.ApplyService(ctx, "frontend", sut.Patch{Version: new("v1.2.0"), EnvVars: map[string]string{"MODE": "debug", "NEW": "1"}}),
		c.ApplyService(ctx, "frontend", sut.Patch{Version: new("v1.3.0"), Image: new("my-org/web2")}),
		c.Scale(ctx, "frontend", 5),
		c.ApplyService(ctx, "echo", sut.Patch{Image: new("my-org/echo"), Version: new("v1"), Port: new(int32(50051))}),
		other.ApplyService(ctx, "frontend", sut.Patch{Port: new(int32(9090)), EnvVars: map[string]string{"OTHER": "1"}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time there is nothing left
		if err := c.Rollback(ctx, "frontend"); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Rollback(ctx, "echo"); err != nil {
		t.Fatal(err)
	}
	want := []v1alpha1.ServiceSpec{{
		Name: "frontend", Image: "my-org/web", Version: "v1.1.0", Replicas: new(int32(1)), Port: 9090, PortName: "main",
		EnvVars: map[string]string{"MODE": "test", "OTHER": "1"},
	}}
	if diff := cmp.Diff(want, f.app().Spec.Services); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	if err := c.Rollback(ctx, "echo"); err == nil || err.Error() != `app "mock-app" has no service "echo": it has frontend, db` {
		t.Errorf("rolling back what is not there: %v", err)
	}
}

func TestRestart(t *testing.T) {
	f := newFixture(t)
	c := f.client(f.kube)
	seen := map[string]bool{}
	for range 2 {
		before := f.app().Generation
		if err := c.Restart(t.Context(), "frontend"); err != nil {
			t.Fatal(err)
		}
		app := f.app()
		seen[app.Spec.Services[0].EnvVars["TOPAS_RESTARTED_AT"]] = true
		if app.Generation != before+1 {
			t.Errorf("generation is %d, was %d", app.Generation, before)
		}
	}
	if len(seen) != 2 || seen[""] {
		t.Errorf("the restarts were at %v", seen)
	}
	if err := c.Restart(t.Context(), "db"); err == nil || err.Error() != `app "mock-app" has no service "db": it has frontend, db` {
		t.Errorf("restarting a database: %v", err)
	}
}

func TestWait(t *testing.T) {
	f := newFixture(t)
	c := f.client(f.kube)
	f.report(frontend("my-org/web:v1.1.0", 1, 1, ""))
	if err := c.Scale(t.Context(), "frontend", 3); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	wanted := sut.Wanted{Ready: new(true), Image: new("my-org/web:v1.1.0"), ReadyReplicas: new(int32(3)), DesiredReplicas: new(int32(3))}
	go func() { done <- c.Wait(t.Context(), "frontend", wanted, time.Minute) }()
	f.report(frontend("my-org/web:v1.1.0", 2, 3, ""))
	f.report(frontend("my-org/web:v1.1.0", 3, 3, ""))
	if err := <-done; err != nil {
		t.Error(err)
	}
	for _, tc := range []struct {
		reason, name string
		wanted       sut.Wanted
		change       func(context.Context) error
		want         string
	}{
		{"nothing is as wanted", "frontend", sut.Wanted{Ready: new(false), Image: new("x"), ReadyReplicas: new(int32(0)), DesiredReplicas: new(int32(0))}, nil,
			`frontend was not as wanted within 1ms: ready is true, image is "my-org/web:v1.1.0", desired_replicas is 3, ready_replicas is 3`},
		{"a database", "db", sut.Wanted{Ready: new(true)}, nil, "db was not as wanted within 1ms: ready is false"},
		{"an unknown name", "web", sut.Wanted{}, nil, `app "mock-app" has no service or database "web": it has frontend, db`},
		{"the controller has not seen the change", "frontend", sut.Wanted{Ready: new(true)},
			func(ctx context.Context) error { return c.Scale(ctx, "frontend", 4) },
			`frontend was not as wanted within 1ms: the controller has not yet seen generation 3 of app "mock-app" (last seen: 2)`},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			if tc.change != nil {
				if err := tc.change(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			err := f.still(func(ctx context.Context, c *sut.Client) error {
				return c.Wait(ctx, tc.name, tc.wanted, time.Millisecond)
			}, nil)
			if err == nil || err.Error() != tc.want {
				t.Errorf("error is\n\t%v\nwant\n\t%s", err, tc.want)
			}
		})
	}
}

func TestAddressAndOverview(t *testing.T) {
	f := newFixture(t)
	c := f.client(f.kube)
	address, err := c.Address(t.Context(), "mock-app-frontend")
	if want := "mock-app-frontend." + f.namespace + ".svc:8080"; err != nil || address != want {
		t.Errorf("Address = %q, %v, want %q", address, err, want)
	}
	if _, err := c.Address(t.Context(), "web"); err == nil || err.Error() != `app "mock-app" has no service or database "web": it has frontend, db` {
		t.Errorf("Address of an unknown name: %v", err)
	}
	got, err := c.Overview(t.Context())
	want := sut.Overview{Name: "mock-app", Namespace: f.namespace, Services: []string{"frontend"}, Databases: []string{"db"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("overview (-want +got), %v:\n%s", err, diff)
	}
}
