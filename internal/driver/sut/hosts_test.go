/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package sut_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/driver/sut"
)

func TestResolve(t *testing.T) {
	f := newFixture(t)
	c := f.client(f.kube)
	if err := c.ApplyService(t.Context(), "mock-app-echo", sut.Patch{Image: new("my-org/echo"), Version: new("v1"), Port: new(int32(50051))}); err != nil {
		t.Fatal(err)
	}
	in := "." + f.namespace

	for _, tc := range []struct {
		reason string
		host   string
		target string
		port   int32
	}{
		{"the short name", "frontend", "mock-app-frontend" + in + ".svc", 8080},
		{"the full name", "mock-app-frontend", "mock-app-frontend" + in + ".svc", 8080},
		{"the full name with the namespace", "mock-app-frontend" + in, "mock-app-frontend" + in + ".svc", 8080},
		{"with .svc", "mock-app-frontend" + in + ".svc", "mock-app-frontend" + in + ".svc", 8080},
		{"with the domain, in capitals, with a dot", "MOCK-APP-FRONTEND" + in + ".svc.cluster.local.", "mock-app-frontend" + in + ".svc", 8080},
		{"a database", "db", "mock-app-db" + in + ".svc", 5432},
		{"a service whose name begins with the App's", "mock-app-echo", "mock-app-mock-app-echo" + in + ".svc", 50051},
		{"the full name of the same", "mock-app-mock-app-echo", "mock-app-mock-app-echo" + in + ".svc", 50051},
		{"another App", "other-frontend", "", 0},
		{"another namespace", "mock-app-frontend.elsewhere.svc", "", 0},
		{"an outside host", "example.com", "", 0},
		{"an address", "127.0.0.1", "", 0},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			target, port, ok := c.Resolve(tc.host)
			if target != tc.target || port != tc.port || ok != (tc.target != "") {
				t.Errorf("Resolve(%q) = %q, %d, %v, want %q, %d", tc.host, target, port, ok, tc.target, tc.port)
			}
		})
	}
}

func TestResolveFindsWhatWasAddedMeanwhile(t *testing.T) {
	f := newFixture(t)
	c := f.client(f.kube)
	app := f.app()
	app.Spec.Services = append(app.Spec.Services, v1alpha1.ServiceSpec{Name: "late", Image: "my-org/late", Version: "v1", Port: 9000})
	if err := f.kube.Update(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, port, ok := c.Resolve("late"); ok {
			if port != 9000 {
				t.Errorf("port is %d", port)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the new service was not found within 10s")
		}
	}
}

func TestDatabase(t *testing.T) {
	f := newFixture(t)
	c := f.client(f.kube)
	want := v1alpha1.DatabaseSpec{
		Name: "db", Image: "postgres:15", Port: 5432, RunAsUser: 999,
		Credentials: map[string]string{"user": "admin", "password": "secret", "dbname": "testdb"},
	}
	for _, host := range []string{"db", "mock-app-db", "mock-app-db." + f.namespace + ".svc"} {
		spec, target, ok := c.Database(host)
		if diff := cmp.Diff(want, spec); diff != "" || target != "mock-app-db."+f.namespace+".svc" || !ok {
			t.Errorf("Database(%q) = %q, %v (-want +got):\n%s", host, target, ok, diff)
		}
	}
	if diff := cmp.Diff([]string{"db"}, c.Databases()); diff != "" {
		t.Errorf("databases (-want +got):\n%s", diff)
	}
	if spec, target, ok := c.Database("frontend"); ok {
		t.Errorf("Database(frontend) = %v, %q, want none", spec, target)
	}
}

func TestHostsCanBeReachedElsewhere(t *testing.T) {
	f := newFixture(t)
	c, err := sut.New(t.Context(), sut.Config{
		Kube: f.kube, Namespace: f.namespace, App: appName,
		Host: func(name string) string { return name + ".localhost" },
	})
	if err != nil {
		t.Fatal(err)
	}
	if target, port, ok := c.Resolve("mock-app-frontend"); target != "frontend.localhost" || port != 8080 || !ok {
		t.Errorf("Resolve = %q, %d, %v", target, port, ok)
	}
}
