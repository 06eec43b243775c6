/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/bench/process"
	"github.com/topas-dev/topas/test/servers/kube"
)

const (
	namespace  = "bench"
	controller = "app"
	// warmups are the Apps that come before those that count: the first ones pay for connections and pages of memory.
	warmups = 10
	// creators is how many Apps are created at once.
	creators = 4
)

// methods are those of requests; all but the first write.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// measurement is what a number of Apps took, by a manager and an API server of their own.
type measurement struct {
	apps int
	// took is the time from the first App's creation until all were Ready.
	took time.Duration
	// requests are those of each method.
	requests map[string]float64
	passes   float64
	// allocated is in bytes, cpu in seconds.
	allocated, cpu float64
	// resyncPasses and resyncWrites are what a new manager did with all of them.
	resyncPasses, resyncWrites float64
}

func (m measurement) perApp(total float64) float64 { return total / float64(m.apps) }

func (m measurement) appsPerSecond() float64 { return float64(m.apps) / m.took.Seconds() }

func (m measurement) requestsPerApp() float64 {
	var sum float64
	for _, n := range m.requests {
		sum += n
	}
	return m.perApp(sum)
}

func (m measurement) kbPerApp() float64 { return m.perApp(m.allocated) / 1000 }

// cpuPerApp is in milliseconds.
func (m measurement) cpuPerApp() float64 { return 1000 * m.perApp(m.cpu) }

// measure brings Apps to Ready, and has a second manager look at them.
func measure(ctx context.Context, binary string, apps int) (result measurement, err error) {
	log.SetLogger(logr.Discard()) // of the servers and the watches of this program
	fmt.Fprintf(os.Stderr, "%s: %d Apps\n", time.Now().Format(time.TimeOnly), apps)
	dir, err := os.MkdirTemp("", "topas-bench-")
	if err != nil {
		return result, fmt.Errorf("making a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	server, stopServer, err := kube.Launch()
	if err != nil {
		return result, fmt.Errorf("starting an API server: %w", err)
	}
	defer func() { err = errors.Join(err, stopServer()) }()
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if err := server.Client.Create(ctx, space); err != nil {
		return result, fmt.Errorf("making a namespace: %w", err)
	}
	controllers, stopControllers, err := server.StartControllers(ctx, namespace)
	if err != nil {
		return result, fmt.Errorf("playing the controllers: %w", err)
	}
	defer stopControllers()

	result.apps = apps
	start := func() (*process.Manager, error) { return process.StartManager(binary, dir, server.Config) }
	err = withManager(start, func(m *process.Manager) error { return result.converge(ctx, server, controllers, m) })
	if err != nil {
		return result, fmt.Errorf("bringing %d Apps to Ready: %w", apps, err)
	}
	err = withManager(start, func(m *process.Manager) error { return result.resync(ctx, m) })
	if err != nil {
		return result, fmt.Errorf("looking at %d converged Apps: %w", apps, err)
	}
	return result, nil
}

func withManager(start func() (*process.Manager, error), work func(*process.Manager) error) error {
	m, err := start()
	if err != nil {
		return err
	}
	return errors.Join(work(m), m.Stop())
}

func (m *measurement) converge(ctx context.Context, server *kube.Server, controllers *kube.Controllers, by *process.Manager) error {
	if err := create(ctx, server, "warmup", warmups); err != nil {
		return err
	}
	if err := controllers.WaitReady(ctx, warmups); err != nil {
		return err
	}
	before, err := by.Rest(ctx, controller, warmups)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := create(ctx, server, "shop", m.apps); err != nil {
		return err
	}
	if err := controllers.WaitReady(ctx, warmups+m.apps); err != nil {
		return err
	}
	m.took = time.Since(start)
	after, err := by.Rest(ctx, controller, warmups+m.apps)
	if err != nil {
		return err
	}
	m.allocated = after.Allocated() - before.Allocated()
	m.cpu = after.CPU() - before.CPU()
	m.passes = after.Passes(controller) - before.Passes(controller)
	m.requests = map[string]float64{}
	for _, method := range methods {
		m.requests[method] = after.Requests(method) - before.Requests(method)
	}
	return nil
}

func (m *measurement) resync(ctx context.Context, by *process.Manager) error {
	after, err := by.Rest(ctx, controller, warmups+m.apps)
	if err != nil {
		return err
	}
	m.resyncPasses, m.resyncWrites = after.Passes(controller), after.Requests(methods[1:]...)
	return nil
}

// create makes Apps.
func create(ctx context.Context, server *kube.Server, prefix string, n int) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	numbers := make(chan int)
	var group sync.WaitGroup
	for range creators {
		group.Go(func() {
			for i := range numbers {
				if err := server.Client.Create(ctx, app(fmt.Sprintf("%s-%d", prefix, i))); err != nil {
					fail(fmt.Errorf("creating an App: %w", err))
				}
			}
		})
	}
	for i := range n {
		numbers <- i
	}
	close(numbers)
	group.Wait()
	return context.Cause(ctx)
}

// app is an App of three services and a database with a schema.
func app(name string) *v1alpha1.App {
	a := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	for _, service := range []string{"frontend", "orders", "users"} {
		a.Spec.Services = append(a.Spec.Services, v1alpha1.ServiceSpec{
			Name: service, Image: "my-org/" + service, Version: "v1.0.0", Port: 8080,
			EnvVars: map[string]string{"LOG_LEVEL": "info", "DB_HOST": name + "-db"},
		})
	}
	a.Spec.Databases = []v1alpha1.DatabaseSpec{{
		Name: "db", Image: "postgres:15",
		Credentials: map[string]string{"user": "admin", "password": "secret", "dbname": "shop"},
		InitSQL:     "CREATE TABLE users (name text PRIMARY KEY, role text);",
	}}
	return a
}
