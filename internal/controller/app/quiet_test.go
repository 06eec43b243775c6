/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/servers/kube"
)

// convergedApps, each with three services and a database, have to be left alone.
const convergedApps = 200

// manyPatience is for all of them together, on a busy machine too.
const manyPatience = 6 * time.Minute

// TestConvergedAppsAreQuiet has a second manager, whose caches are empty at first as after a restart, look at many Apps that are
// as they should be.
func TestConvergedAppsAreQuiet(t *testing.T) {
	w := newWorld(t)
	controllers, stop, err := kube.Start(t).StartControllers(t.Context(), w.namespace)
	w.must(err)
	defer stop()
	for i := range convergedApps {
		app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: fmt.Sprintf("shop-%d", i)}, Spec: shop()}
		for _, name := range []string{"api", "worker"} {
			service := webService()
			service.Name = name
			app.Spec.Services = append(app.Spec.Services, service)
		}
		w.must(w.Create(t.Context(), app))
	}
	ctx, cancel := context.WithTimeout(t.Context(), manyPatience)
	defer cancel()
	w.must(controllers.WaitReady(ctx, convergedApps))
	w.settled()

	before := w.writes.Load()
	second, looked := w.secondManager()
	err = wait.PollUntilContextCancel(ctx, 20*time.Millisecond, true, func(context.Context) (bool, error) {
		return looked() == convergedApps, nil
	})
	if err != nil {
		t.Fatalf("wait until every App has been looked at, %d of %d have: %v", looked(), convergedApps, err)
	}
	second.settled()
	if wrote := second.writes.Load(); wrote != 0 {
		t.Errorf("a manager that found %d converged Apps wrote %d times, want 0", convergedApps, wrote)
	}
	if wrote := w.writes.Load() - before; wrote != 0 {
		t.Errorf("the manager that was there before wrote %d times, want 0", wrote)
	}
}

// secondManager starts another manager of the namespace, with a client that counts of its own, and returns how many Apps it has
// looked at.
func (w *world) secondManager() (second *world, looked func() int) {
	w.Helper()
	second = &world{T: w.T, Client: w.Client, namespace: w.namespace, writes: &atomic.Int64{}, passes: &atomic.Int64{}}
	var mutex sync.Mutex
	names := map[string]bool{}
	newClient := func(config *rest.Config, options client.Options) (client.Client, error) {
		counting, err := second.countingClient(config, options)
		if err != nil {
			return nil, err
		}
		return interceptor.NewClient(counting.(client.WithWatch), interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
				if _, ok := o.(*v1alpha1.App); ok {
					mutex.Lock()
					names[key.Name] = true
					mutex.Unlock()
				}
				return c.Get(ctx, key, o, opts...)
			},
		}), nil
	}
	w.manage(newClient)
	return second, func() int {
		mutex.Lock()
		defer mutex.Unlock()
		return len(names)
	}
}
