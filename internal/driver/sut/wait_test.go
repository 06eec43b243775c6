/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package sut_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/driver/sut"
)

func TestWaitReadyEndsWithTheRightStatus(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	// watching tells of each watch that is begun. The first is refused, the second breaks at once: only a look at the
	// App and a third watch will do.
	watching := make(chan int, 10)
	begun := 0
	c := f.client(interceptor.NewClient(f.kube, interceptor.Funcs{
		Watch: func(ctx context.Context, w client.WithWatch, list client.ObjectList, opts ...client.ListOption) (watch.Interface, error) {
			begun++
			if begun == 1 {
				return nil, errors.New("connection refused")
			}
			real, err := w.Watch(ctx, list, opts...)
			if begun == 2 && err == nil {
				real.Stop()
			}
			watching <- begun
			return real, err
		},
	}))
	if err := c.ApplyService(ctx, "frontend", sut.Patch{Version: new("v1.2.0")}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.WaitReady(ctx, "frontend", time.Minute) }()
	for <-watching != 3 {
	}
	for _, status := range []v1alpha1.AppStatus{
		frontend("my-org/web:v1.1.0", 1, 1, ""),
		frontend("my-org/web:v1.2.0", 0, 1, "ContainerCreating"),
	} {
		f.report(status)
	}
	select {
	case err := <-done:
		t.Fatalf("ended before the service was ready: %v", err)
	default:
	}
	f.report(frontend("my-org/web:v1.2.0", 1, 1, ""))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := c.WaitReady(ctx, "frontend", time.Minute); err != nil {
		t.Errorf("waiting for what is ready: %v", err)
	}
}

func TestWaitReadySaysWhatItLastSaw(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	for _, tc := range []struct {
		reason string
		name   string
		setUp  func(*fixture, *sut.Client)
		want   string
	}{
		{
			reason: "the controller has not seen the change", name: "frontend",
			setUp: func(f *fixture, c *sut.Client) {
				f.report(frontend("my-org/web:v1.1.0", 1, 1, ""))
				if err := c.ApplyService(f.t.Context(), "frontend", sut.Patch{Version: new("v1.2.0")}); err != nil {
					f.t.Fatal(err)
				}
			},
			want: `frontend was not ready within 1m0s: the controller has not yet seen generation 2 of app "mock-app" (last seen: 1)`,
		},
		{
			reason: "Pods that do not start", name: "frontend",
			setUp: func(f *fixture, _ *sut.Client) {
				f.report(frontend("my-org/web:v1.1.0", 1, 3, `ImagePullBackOff: pulling "my-org/web:v1.1.0"`))
			},
			want: `frontend was not ready within 1m0s: 1/3 ready, ImagePullBackOff: pulling "my-org/web:v1.1.0"`,
		},
		{
			reason: "another version runs, and the wanted one is a digest", name: "frontend",
			setUp: func(f *fixture, c *sut.Client) {
				if err := c.ApplyService(f.t.Context(), "frontend", sut.Patch{Version: &digest}); err != nil {
					f.t.Fatal(err)
				}
				f.report(frontend("my-org/web:v1.1.0", 1, 1, ""))
			},
			want: `frontend was not ready within 1m0s: 1/1 ready, image "my-org/web:v1.1.0" instead of "my-org/web@` + digest + `"`,
		},
		{
			reason: "a service without a status tells the App's condition", name: "frontend",
			setUp: func(f *fixture, _ *sut.Client) {
				f.report(v1alpha1.AppStatus{Conditions: []metav1.Condition{{
					Type: v1alpha1.AppConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.AppReasonSchemaFailed,
					Message: "db: ERROR: syntax error", LastTransitionTime: metav1.Now(),
				}}})
			},
			want: "frontend was not ready within 1m0s: the controller has not reported on it yet: db: ERROR: syntax error",
		},
		{
			reason: "a database", name: "db",
			setUp: func(f *fixture, _ *sut.Client) {
				f.report(v1alpha1.AppStatus{Databases: []v1alpha1.DatabaseStatus{{Name: "db", Message: "Pod is Pending"}}})
			},
			want: "db was not ready within 1m0s: Pod is Pending",
		},
		{
			reason: "an unknown name lists those that there are", name: "web", setUp: func(*fixture, *sut.Client) {},
			want: `app "mock-app" has no service or database "web": it has frontend, db`,
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			f := newFixture(t)
			tc.setUp(f, f.client(f.kube))
			err := f.waitInVain(tc.name, nil)
			if err == nil || err.Error() != tc.want {
				t.Errorf("error is\n\t%v\nwant\n\t%s", err, tc.want)
			}
		})
	}
}

// waitInVain waits a minute for an App that stays as it is. The minute is none, as all of it is in memory: how fast the
// API server answers has no say in what was seen last.
func (f *fixture) waitInVain(name string, dial func(context.Context, string, string) (net.Conn, error)) error {
	return f.still(func(ctx context.Context, c *sut.Client) error { return c.WaitReady(ctx, name, time.Minute) }, dial)
}

// frozen is a client of an App that stays as it is now.
func (f *fixture) frozen() client.WithWatch {
	app := f.app()
	return interceptor.NewClient(f.kube, interceptor.Funcs{
		Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
			app.DeepCopyInto(obj.(*v1alpha1.App))
			return nil
		},
		Watch: func(ctx context.Context, _ client.WithWatch, _ client.ObjectList, _ ...client.ListOption) (watch.Interface, error) {
			quiet := watch.NewFake()
			context.AfterFunc(ctx, quiet.Stop)
			return quiet, nil
		},
	})
}

// still calls a function with a client of an App that stays as it is.
func (f *fixture) still(
	do func(context.Context, *sut.Client) error, dial func(context.Context, string, string) (net.Conn, error),
) (err error) {
	frozen := f.frozen()
	synctest.Test(f.t, func(t *testing.T) {
		c, newErr := sut.New(t.Context(), sut.Config{Kube: frozen, Namespace: f.namespace, App: appName, Dial: dial})
		if newErr != nil {
			t.Fatal(newErr)
		}
		err = do(t.Context(), c)
	})
	return err
}

func TestWaitReadyEndsWhenTheAppIsGone(t *testing.T) {
	f := newFixture(t)
	watching := make(chan struct{}, 10)
	c := f.client(interceptor.NewClient(f.kube, interceptor.Funcs{
		Watch: func(ctx context.Context, w client.WithWatch, list client.ObjectList, opts ...client.ListOption) (watch.Interface, error) {
			defer func() { watching <- struct{}{} }()
			return w.Watch(ctx, list, opts...)
		},
	}))
	done := make(chan error, 1)
	go func() { done <- c.WaitReady(t.Context(), "frontend", time.Minute) }()
	<-watching
	if err := f.kube.Delete(t.Context(), f.app()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil || err.Error() != `app "mock-app" was deleted` {
		t.Errorf("error is %v", err)
	}
}

func TestWaitReadyEndsWithTheTest(t *testing.T) {
	f := newFixture(t)
	c := f.client(f.kube)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.WaitReady(ctx, "frontend", time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}

// The Pods are ready a moment before their Service answers.
func TestWaitReadyWaitsUntilConnectionsAreAccepted(t *testing.T) {
	f := newFixture(t)
	refused := errors.New("connect: connection refused")
	var dialed []string
	c, err := sut.New(t.Context(), sut.Config{
		Kube: f.kube, Namespace: f.namespace, App: appName,
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			dialed = append(dialed, address)
			if len(dialed) <= 2 {
				return nil, refused
			}
			return answering(ctx, network, address)
		},
	})
	if err != nil {
		t.Fatal(err)
	}

	f.report(frontend("my-org/web:v1.1.0", 1, 1, ""))
	if err := c.WaitReady(t.Context(), "frontend", time.Minute); err != nil {
		t.Fatal(err)
	}
	address := "mock-app-frontend." + f.namespace + ".svc:8080"
	if diff := cmp.Diff([]string{address, address, address}, dialed); diff != "" {
		t.Errorf("connections tried (-want +got):\n%s", diff)
	}

	err = f.waitInVain("frontend", func(context.Context, string, string) (net.Conn, error) { return nil, refused })
	want := "frontend was not ready within 1m0s: it is ready, but does not accept connections: connect: connection refused"
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}

	f.report(frontend("my-org/web:v1.1.0", 0, 0, ""))
	dialed = nil
	if err := c.WaitReady(t.Context(), "frontend", time.Minute); err != nil || dialed != nil {
		t.Errorf("a service that was scaled to nothing: %v, connections tried: %v", err, dialed)
	}
}
