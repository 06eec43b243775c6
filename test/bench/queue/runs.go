/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/bench/process"
)

const (
	appName    = "shop"
	script     = `local net = require("net"); assert(net.get("http://frontend/api/users").code == 200)`
	controller = "testrun"
	// managerAgent begins the user agent of the manager, by the name of its binary.
	managerAgent = "manager"
)

// measureRuns drains TestRuns by the manager.
func measureRuns(ctx context.Context, binary string, n int) (m measurement, err error) {
	progress("%d TestRuns", n)
	err = withCluster(ctx, func(ctx context.Context, c *cluster) error {
		manager, err := process.StartManager(binary, c.dir, c.Config, "--max-concurrent-tests="+strconv.Itoa(slots))
		if err != nil {
			return err
		}
		return c.during(ctx, manager.Process, func() error {
			q := &queue{cluster: c, manager: manager, ended: make(chan string, warmups+n), names: map[string]bool{}}
			if err := q.warmUp(ctx); err != nil {
				return fmt.Errorf("filling the slots: %w", err)
			}
			m, err = q.drain(ctx, n)
			return err
		})
	})
	if err != nil {
		return m, fmt.Errorf("draining %d TestRuns: %w", n, err)
	}
	return m, nil
}

// queue is the manager with TestRuns.
type queue struct {
	*cluster
	manager *process.Manager
	// ended are the runs that have passed, as they do; names are all of them.
	ended chan string
	names map[string]bool
}

// warmUp lets runs pass that do not count. Before, the first of them take all slots, and nobody may take one more.
func (q *queue) warmUp(ctx context.Context) error {
	if err := follow(ctx, q.cluster, &v1alpha1.TestRunList{}, q.see); err != nil {
		return err
	}
	if err := q.Client.Create(ctx, app()); err != nil {
		return fmt.Errorf("creating the App: %w", err)
	}
	if _, err := q.manager.Rest(ctx, "app", 1); err != nil {
		return err
	}
	if err := q.create(ctx, "warmup", warmups); err != nil {
		return err
	}
	if _, err := q.manager.Rest(ctx, controller, warmups); err != nil {
		return err
	}
	if most := q.kubelet.maxAlive(); most != slots {
		return fmt.Errorf("%d containers are alive when nothing ends, want %d", most, slots)
	}
	q.kubelet.release()
	return await(ctx, warmups, q.ended)
}

func (q *queue) drain(ctx context.Context, n int) (measurement, error) {
	before, err := q.look(ctx)
	if err != nil {
		return measurement{}, err
	}
	start := time.Now()
	if err := q.create(ctx, "run", n); err != nil {
		return measurement{}, err
	}
	created := time.Since(start)
	if err := await(ctx, n, q.ended); err != nil {
		return measurement{}, err
	}
	took := time.Since(start)
	after, err := q.look(ctx)
	if err != nil {
		return measurement{}, err
	}
	return measurement{
		what: "TestRuns", count: n, created: created, took: took,
		requests:   after.requests.since(before.requests),
		cpu:        after.used.CPU - before.used.CPU,
		serverCPU:  after.serverCPU - before.serverCPU,
		peak:       after.used.PeakMemory,
		allocated:  after.metrics.Allocated() - before.metrics.Allocated(),
		maxRunning: q.kubelet.maxAlive(),
	}, errors.Join(q.checkNothingIsLeft(after.metrics), q.checkOneEach(ctx, warmups+n))
}

func (q *queue) create(ctx context.Context, prefix string, n int) error {
	return q.createAll(ctx, n, func(i int) client.Object {
		return &v1alpha1.TestRun{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("%s-%d", prefix, i)},
			Spec:       v1alpha1.TestRunSpec{AppName: appName, Script: script},
		}
	})
}

// state is what was used until the manager rests.
type state struct {
	metrics   process.Metrics
	used      process.Usage
	serverCPU time.Duration
	requests  requests
}

func (q *queue) look(ctx context.Context) (s state, err error) {
	if s.metrics, err = q.manager.Rest(ctx, controller, 0); err != nil {
		return s, err
	}
	if s.used, err = q.manager.Usage(); err != nil {
		return s, err
	}
	if s.serverCPU, err = q.serverCPU(ctx); err != nil {
		return s, err
	}
	s.requests, err = q.counted(managerAgent)
	return s, err
}

func (q *queue) see(_ context.Context, _ watch.EventType, run *v1alpha1.TestRun) {
	if !run.Status.State.Finished() || q.names[run.Name] {
		return
	}
	if s := run.Status; s.State != v1alpha1.TestRunPassed {
		q.fail(fmt.Errorf("TestRun %s ended as %s, %s: %s", run.Name, s.State, s.Reason, s.Message))
		return
	}
	q.names[run.Name] = true
	q.ended <- run.Name
}

// checkNothingIsLeft looks for slots that were not freed.
func (q *queue) checkNothingIsLeft(m process.Metrics) error {
	if waiting, active := m.Sum("topas_queue_depth"), m.Sum("topas_active_runners"); waiting+active > 0 {
		return fmt.Errorf("%v runs wait and %v have a slot, and all have ended", waiting, active)
	}
	return nil
}

// checkOneEach makes sure that there are as many Pods and ConfigMaps as runs, each of which belongs to a run of its own.
func (q *queue) checkOneEach(ctx context.Context, runs int) error {
	for _, kind := range []string{"Pod", "ConfigMap"} {
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind(kind + "List"))
		if err := q.Client.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return fmt.Errorf("listing each %s: %w", kind, err)
		}
		owners := map[types.UID]bool{}
		for i := range list.Items {
			if owner := metav1.GetControllerOf(&list.Items[i]); owner != nil && owner.Kind == "TestRun" {
				owners[owner.UID] = true
			}
		}
		if len(owners) != runs || len(list.Items) != runs {
			return fmt.Errorf("there are %d of %s, for %d runs, want one for each of %d", len(list.Items), kind, len(owners), runs)
		}
	}
	return nil
}

func app() *v1alpha1.App {
	return &v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: appName},
		Spec: v1alpha1.AppSpec{Services: []v1alpha1.ServiceSpec{
			{Name: "frontend", Image: "my-org/web", Version: "v1.0.0", Port: 80},
		}},
	}
}
