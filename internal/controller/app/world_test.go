/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/servers/kube"
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	os.Exit(kube.Run(m))
}

const patience = 20 * time.Second

// world is a namespace in which a manager reconciles Apps. The test plays the controllers and the kubelet.
type world struct {
	*testing.T
	client.Client
	namespace string
	// writes and passes count what the reconciler did.
	writes, passes *atomic.Int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server := kube.Start(t)
	w := &world{
		T:         t,
		Client:    server.Client,
		namespace: server.NewNamespace(t, "pod-security.kubernetes.io/enforce=restricted"),
		writes:    &atomic.Int64{},
		passes:    &atomic.Int64{},
	}
	w.manage(w.countingClient)
	return w
}

// manage starts a manager of the namespace, which ends with the test.
func (w *world) manage(newClient client.NewClientFunc) {
	w.Helper()
	server, skip := kube.Start(w.T), true
	mgr, err := ctrl.NewManager(server.Config, ctrl.Options{
		Scheme:     server.Scheme,
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Cache:      cache.Options{ByObject: CacheByObject(), DefaultNamespaces: map[string]cache.Config{w.namespace: {}}},
		NewClient:  newClient,
		Controller: config.Controller{SkipNameValidation: &skip}, // one manager for each test of the process
	})
	w.must(err)
	w.must(SetupWithManager(w.Context(), mgr, Options{MaxConcurrentReconciles: 2}))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	w.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.Errorf("the manager ended with: %v", err)
		}
	})
}

// countingClient is the manager's own client, and counts.
func (w *world) countingClient(config *rest.Config, options client.Options) (client.Client, error) {
	c, err := client.NewWithWatch(config, options)
	if err != nil {
		return nil, err
	}
	return interceptor.NewClient(c, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if _, ok := o.(*v1alpha1.App); ok {
				w.passes.Add(1)
			}
			return c.Get(ctx, key, o, opts...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption) error {
			w.writes.Add(1)
			return c.Patch(ctx, o, p, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			w.writes.Add(1)
			return c.Delete(ctx, o, opts...)
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			w.writes.Add(1)
			return c.SubResource(sub).Patch(ctx, o, p, opts...)
		},
	}), nil
}

// eventually repeats check until it has no error to return.
func (w *world) eventually(what string, check func() error) {
	w.Helper()
	last := errors.New("never checked")
	err := wait.PollUntilContextTimeout(w.Context(), 20*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		last = check()
		return last == nil, nil
	})
	if err != nil {
		w.Fatalf("%s: %v", what, last)
	}
}

// get reads an object of the namespace.
func (w *world) get(name string, o client.Object) error {
	return w.Get(w.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, o)
}

// exists waits for an object and reads it.
func (w *world) exists(name string, o client.Object) {
	w.Helper()
	w.eventually(fmt.Sprintf("wait for %T %s", o, name), func() error { return w.get(name, o) })
}

// absent waits until an object is gone.
func (w *world) absent(name string, o client.Object) {
	w.Helper()
	w.eventually(fmt.Sprintf("wait for %T %s to go", o, name), func() error {
		if err := w.get(name, o); client.IgnoreNotFound(err) != nil || err == nil {
			return fmt.Errorf("it is there, or can't be read: %w", err)
		}
		return nil
	})
}

// missing fails the test if an object is there now.
func (w *world) missing(name string, o client.Object) {
	w.Helper()
	if err := w.get(name, o); err == nil || client.IgnoreNotFound(err) != nil {
		w.Fatalf("get %T %s gives error %v, want not found", o, name, err)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// create makes the App "shop".
func (w *world) create(spec v1alpha1.AppSpec) *v1alpha1.App {
	w.Helper()
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "shop"}, Spec: spec}
	w.must(w.Create(w.Context(), app))
	return app
}

// change changes the spec of the App "shop".
func (w *world) change(change func(*v1alpha1.AppSpec)) {
	w.Helper()
	w.eventually("change the App", func() error {
		app := &v1alpha1.App{}
		if err := w.get("shop", app); err != nil {
			return err
		}
		change(&app.Spec)
		return w.Update(w.Context(), app)
	})
}

// condition waits until a condition of the App "shop" has this status and reason, and returns the status of then.
func (w *world) condition(kind string, status metav1.ConditionStatus, reason string) v1alpha1.AppStatus {
	w.Helper()
	app := &v1alpha1.App{}
	w.eventually(fmt.Sprintf("wait for %s=%s %s", kind, status, reason), func() error {
		if err := w.get("shop", app); err != nil {
			return err
		}
		c := meta.FindStatusCondition(app.Status.Conditions, kind)
		if c == nil || c.Status != status || c.Reason != reason || c.ObservedGeneration != app.Generation {
			return fmt.Errorf("generation %d, status %+v", app.Generation, app.Status)
		}
		return nil
	})
	return app.Status
}

// quiet provokes a pass and fails the test if it writes anything.
func (w *world) quiet() {
	w.Helper()
	w.settled()
	before := w.writes.Load()
	app := &v1alpha1.App{}
	w.must(w.get("shop", app))
	app.Annotations = map[string]string{"touched": time.Now().String()}
	passes := w.passes.Load()
	w.must(w.Update(w.Context(), app))
	w.eventually("wait for a pass", func() error {
		if w.passes.Load() == passes {
			return errors.New("none yet")
		}
		return nil
	})
	w.settled()
	if wrote := w.writes.Load() - before; wrote != 0 {
		w.Errorf("a pass over an App that is as it should be wrote %d times, want 0", wrote)
	}
}

// settled waits until the reconciler rests.
func (w *world) settled() {
	w.Helper()
	last, since := w.passes.Load(), time.Now()
	w.eventually("wait for the reconciler to rest", func() error {
		if now := w.passes.Load(); now != last {
			last, since = now, time.Now()
		}
		if rested := time.Since(since); rested < 500*time.Millisecond {
			return fmt.Errorf("%d passes, at rest for %s", last, rested)
		}
		return nil
	})
}
