/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/deployed"
)

const (
	// patience is for what takes a moment, also when the API server has to come back first.
	patience     = 90 * time.Second
	pollInterval = 200 * time.Millisecond
)

// world is where everything happens: a namespace of a cluster.
type world struct {
	cluster   client.WithWatch
	namespace string
	// till is the App till as it was in the beginning.
	till *v1alpha1.App
}

func newWorld(ctx context.Context) (*world, error) {
	cluster, _, err := deployed.Connect()
	if err != nil {
		return nil, err
	}
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "chaos-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	if err := cluster.Create(ctx, space); err != nil {
		return nil, fmt.Errorf("making a namespace: %w", err)
	}
	w := &world{cluster: cluster, namespace: space.Name}
	if err := w.makeApps(ctx); err != nil {
		return nil, errors.Join(err, w.cleanUp())
	}
	return w, nil
}

func (w *world) makeApps(ctx context.Context) error {
	database := func(user, dbname, sql string) []v1alpha1.DatabaseSpec {
		return []v1alpha1.DatabaseSpec{{
			Name: "db", Image: "localhost/topas/postgres:15", InitSQL: sql,
			Credentials: map[string]string{"user": user, "password": "chaos", "dbname": dbname},
		}}
	}
	apps := map[string]v1alpha1.AppSpec{
		"ledger": {Databases: database("clerk", "ledger", "CREATE TABLE executions (run text NOT NULL);")},
		appShop:  {},
		appTill:  {Services: []v1alpha1.ServiceSpec{{Name: "echo", Image: "localhost/topas/echo", Version: "v1.0.0", Port: 8080}}},
		appVault: {Databases: database("guest", "vault", "CREATE TABLE visits (id serial PRIMARY KEY);")},
	}
	for name, spec := range apps {
		app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}, Spec: spec}
		if err := w.cluster.Create(ctx, app); err != nil {
			return fmt.Errorf("making App %s: %w", name, err)
		}
		if name == appTill {
			w.till = app
		}
	}
	return insist(ctx, "the Apps are ready", func(ctx context.Context) error {
		list := &v1alpha1.AppList{}
		if err := w.cluster.List(ctx, list, client.InNamespace(w.namespace)); err != nil {
			return err
		}
		for _, app := range list.Items {
			if app.Status.Phase != v1alpha1.AppReady {
				return fmt.Errorf("app %s is %s", app.Name, app.Status.Phase)
			}
		}
		return nil
	})
}

// executions returns how often the script of each run has begun.
func (w *world) executions(ctx context.Context) (map[string]int, error) {
	times := map[string]int{}
	err := insist(ctx, "the ledger can be read", func(ctx context.Context) error {
		clear(times)
		out, err := exec.CommandContext(ctx, "kubectl", "-n", w.namespace, "exec", "deployment/ledger-db", "--",
			"psql", "-U", "clerk", "-d", "ledger", "-At", "-F", " ", "-c", "SELECT run, count(*) FROM executions GROUP BY run").Output()
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(out)) {
			run, n, _ := strings.Cut(strings.TrimSpace(line), " ")
			if times[run], err = strconv.Atoi(n); err != nil {
				return err
			}
		}
		return nil
	})
	return times, err
}

// insist tries until there is no error, as the API server comes and goes.
func insist(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w, last seen: %w", what, context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

// present makes an error of a try to create something, unless it is there now.
func present(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

func (w *world) cleanUp() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}
	return insist(ctx, "the namespace is deleted", func(ctx context.Context) error {
		return client.IgnoreNotFound(w.cluster.Delete(ctx, space))
	})
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
