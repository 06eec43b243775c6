/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package sut_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/driver/sut"
	"github.com/topas-dev/topas/test/servers/kube"
)

func TestMain(m *testing.M) { os.Exit(kube.Run(m)) }

const appName = "mock-app"

// fixture is an App with one service and one database on a real API server. Tests write its status, as the
// controller would.
type fixture struct {
	t         *testing.T
	kube      client.WithWatch
	namespace string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	server := kube.Start(t)
	c, err := sut.NewKube(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, kube: c, namespace: server.NewNamespace(t)}
	app := &v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{Name: appName, Namespace: f.namespace},
		Spec: v1alpha1.AppSpec{
			Services: []v1alpha1.ServiceSpec{{
				Name: "frontend", Image: "my-org/web", Version: "v1.1.0", Replicas: new(int32(1)), Port: 8080,
				EnvVars: map[string]string{"MODE": "test"},
			}},
			Databases: []v1alpha1.DatabaseSpec{{
				Name: "db", Image: "postgres:15", Port: 5432,
				Credentials: map[string]string{"user": "admin", "password": "secret", "dbname": "testdb"},
			}},
		},
	}
	if err := c.Create(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	return f
}

// answering is the network to a system under test that accepts every connection.
func answering(context.Context, string, string) (net.Conn, error) {
	conn, _ := net.Pipe()
	return conn, nil
}

func (f *fixture) client(kube client.WithWatch) *sut.Client {
	f.t.Helper()
	c, err := sut.New(f.t.Context(), sut.Config{Kube: kube, Namespace: f.namespace, App: appName, Dial: answering})
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func (f *fixture) app() *v1alpha1.App {
	f.t.Helper()
	app := &v1alpha1.App{}
	if err := f.kube.Get(f.t.Context(), client.ObjectKey{Namespace: f.namespace, Name: appName}, app); err != nil {
		f.t.Fatal(err)
	}
	return app
}

// report writes the status as the controller does after it saw the current spec.
func (f *fixture) report(status v1alpha1.AppStatus) {
	f.t.Helper()
	app := f.app()
	status.ObservedGeneration = app.Generation
	app.Status = status
	if err := f.kube.Status().Update(f.t.Context(), app); err != nil {
		f.t.Fatal(err)
	}
}

func frontend(image string, ready, desired int32, message string) v1alpha1.AppStatus {
	return v1alpha1.AppStatus{Services: []v1alpha1.ServiceStatus{{
		Name: "frontend", Image: image, DesiredReplicas: desired, ReadyReplicas: ready, Ready: ready == desired, Message: message,
	}}}
}

func TestApplyServiceChangesOnlyWhatItIsGiven(t *testing.T) {
	f := newFixture(t)
	c := f.client(f.kube)
	ctx := t.Context()

	for _, step := range []struct {
		name  string
		patch sut.Patch
	}{
		{"frontend", sut.Patch{Image: new("my-org/web2"), Version: new("v1.2.0"), Replicas: new(int32(3)), EnvVars: map[string]string{"LEVEL": "debug"}}},
		{"frontend", sut.Patch{Version: new("v1.3.0")}},
		{"echo", sut.Patch{Image: new("my-org/echo"), Version: new("v1"), Port: new(int32(50051))}},
		{"echo", sut.Patch{EnvVars: map[string]string{"A": "1"}}},
	} {
		if err := c.ApplyService(ctx, step.name, step.patch); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Scale(ctx, "echo", 0); err != nil {
		t.Fatal(err)
	}

	want := []v1alpha1.ServiceSpec{
		{
			Name: "frontend", Image: "my-org/web2", Version: "v1.3.0", Replicas: new(int32(3)), Port: 8080, PortName: "main",
			EnvVars: map[string]string{"MODE": "test", "LEVEL": "debug"},
		},
		{Name: "echo", Image: "my-org/echo", Version: "v1", Replicas: new(int32(0)), Port: 50051, PortName: "main", EnvVars: map[string]string{"A": "1"}},
	}
	if diff := cmp.Diff(want, f.app().Spec.Services); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
}

func TestApplyServiceKeepsWhatOthersWriteMeanwhile(t *testing.T) {
	f := newFixture(t)
	interfered := false
	c := f.client(interceptor.NewClient(f.kube, interceptor.Funcs{
		Update: func(ctx context.Context, w client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			if !interfered {
				interfered = true
				other := f.app()
				other.Spec.Services[0].Port = 9090
				if err := f.kube.Update(ctx, other); err != nil {
					t.Error(err)
				}
			}
			return w.Update(ctx, obj, opts...)
		},
	}))
	if err := c.ApplyService(t.Context(), "frontend", sut.Patch{Version: new("v1.2.0")}); err != nil {
		t.Fatal(err)
	}
	if s := f.app().Spec.Services[0]; s.Port != 9090 || s.Version != "v1.2.0" {
		t.Errorf("service is %+v, want port 9090 and version v1.2.0", s)
	}
}

func TestChangesThatAreRefused(t *testing.T) {
	f := newFixture(t)
	c := f.client(f.kube)
	for _, tc := range []struct {
		reason string
		do     func(context.Context) error
		want   string
	}{
		{
			"a new service that lacks two fields",
			func(ctx context.Context) error { return c.ApplyService(ctx, "echo", sut.Patch{Version: new("v1")}) },
			`app "mock-app" has no service "echo" (it has frontend, db), and a new service needs image, port as well`,
		},
		{
			"a database", func(ctx context.Context) error { return c.ApplyService(ctx, "db", sut.Patch{Version: new("v1")}) },
			`"db" is a database of app "mock-app", not a service`,
		},
		{
			"what the API server refuses names the service and the field",
			func(ctx context.Context) error {
				return c.ApplyService(ctx, "frontend", sut.Patch{Version: new("v 1"), Port: new(int32(70000))})
			},
			`app "mock-app" is invalid: service "frontend": port: Invalid value: 70000: `,
		},
		{
			"the API server's own words are kept",
			func(ctx context.Context) error {
				return c.ApplyService(ctx, "frontend", sut.Patch{Version: new("v 1")})
			},
			`service "frontend": version: Invalid value: "v 1": version must be an image tag such as v1.2.0`,
		},
		{
			"scaling a service that is not there", func(ctx context.Context) error { return c.Scale(ctx, "web", 2) },
			`app "mock-app" has no service "web": it has frontend, db`,
		},
		{
			"scaling below zero", func(ctx context.Context) error { return c.Scale(ctx, "frontend", -1) },
			`service "frontend": replicas: Invalid value: -1: `,
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			before := f.app().Spec
			err := tc.do(t.Context())
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is\n\t%v\nwant\n\t%s", err, tc.want)
			}
			if diff := cmp.Diff(before, f.app().Spec); diff != "" {
				t.Errorf("spec has changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestNewNeedsTheApp(t *testing.T) {
	f := newFixture(t)
	_, err := sut.New(t.Context(), sut.Config{Kube: f.kube, Namespace: f.namespace, App: "shop"})
	missing, ok := errors.AsType[*sut.NotFoundError](err)
	if !ok || missing.Error() != `app "shop" not found in namespace "`+f.namespace+`"` {
		t.Errorf("error is %v", err)
	}
}

func TestNewWaitsForTheAPIServer(t *testing.T) {
	f := newFixture(t)
	resource := v1alpha1.GroupVersion.WithResource("apps").GroupResource()
	refused := apierrors.NewBadRequest("no")
	for _, tc := range []struct {
		reason string
		answer error
		// want is the error that is not waited out.
		want error
	}{
		{"nobody listens", syscall.ECONNREFUSED, nil},
		{"it has just started", apierrors.NewServiceUnavailable("starting"), nil},
		{"it has too much to do", apierrors.NewTooManyRequests("later", 1), nil},
		{"the RoleBinding has just been made", apierrors.NewForbidden(resource, appName, nil), nil},
		{"the App is not there", apierrors.NewNotFound(resource, appName), &sut.NotFoundError{Namespace: f.namespace, App: appName}},
		{"it refuses", refused, refused},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			times := 0
			flaky := interceptor.NewClient(f.kube, interceptor.Funcs{
				Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
					if times++; times == 1 {
						return tc.answer
					}
					return c.Get(ctx, key, obj, opts...)
				},
			})
			_, err := sut.New(t.Context(), sut.Config{Kube: flaky, Namespace: f.namespace, App: appName})
			switch {
			case tc.want == nil && (err != nil || times != 2):
				t.Errorf("error after %d looks: %v", times, err)
			case tc.want != nil && (err == nil || !strings.Contains(err.Error(), tc.want.Error()) || times != 1):
				t.Errorf("error after %d looks: %v, want %v after 1", times, err, tc.want)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	f := newFixture(t)
	c := f.client(f.kube)
	reported := frontend("my-org/web:v1.1.0", 1, 3, "2 Pods are Pending")
	reported.Services[0].Address = "mock-app-frontend.test.svc:8080"
	reported.Databases = []v1alpha1.DatabaseStatus{{Name: "db", Ready: true, Address: "mock-app-db.test.svc:5432"}}

	for _, tc := range []struct {
		reason, name string
		status       v1alpha1.AppStatus
		want         sut.Status
		err          string
	}{
		{reason: "nothing was reported yet", name: "frontend", want: sut.Status{Name: "frontend", Service: true}},
		{reason: "a service", name: "frontend", status: reported, want: sut.Status{
			Name: "frontend", Message: "2 Pods are Pending", Address: "mock-app-frontend.test.svc:8080",
			Service: true, Image: "my-org/web:v1.1.0", DesiredReplicas: 3, ReadyReplicas: 1,
		}},
		{reason: "a database", name: "db", status: reported, want: sut.Status{Name: "db", Ready: true, Address: "mock-app-db.test.svc:5432"}},
		{reason: "an unknown name", name: "web", err: `app "mock-app" has no service or database "web": it has frontend, db`},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			f.report(tc.status)
			got, err := c.Status(t.Context(), tc.name)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			if (err == nil) != (tc.err == "") || err != nil && err.Error() != tc.err {
				t.Errorf("error is %v, want %q", err, tc.err)
			}
		})
	}
}
