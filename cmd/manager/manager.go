/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"fmt"
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/controller/app"
	"github.com/topas-dev/topas/internal/controller/testrun"
	"github.com/topas-dev/topas/internal/execution/pod"
	"github.com/topas-dev/topas/internal/metrics"
	"github.com/topas-dev/topas/internal/queue"
)

const (
	leaseName = "topas-manager.topas.dev"
	// appWorkers and runWorkers are how many Apps, and how many TestRuns, are reconciled at once. A worker makes one request at a
	// time, for which it mostly waits.
	appWorkers = 4
	runWorkers = 8
	// positionInterval is often enough for a person who watches the queue. Each time, a few dozen runs are written.
	positionInterval = 5 * time.Second
)

// newManager puts the manager together.
func newManager(ctx context.Context, config *rest.Config, o *options) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("registering kinds: %w", err)
		}
	}
	config = rest.CopyConfig(config)
	config.QPS = -1 // there is no limit here: the workers are few, and the API server knows best what it can take
	objects := app.CacheByObject()
	maps.Copy(objects, testrun.CacheByObject())
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         cache.Options{ByObject: objects},
		Metrics:                       metricsOptions(o),
		HealthProbeBindAddress:        o.probeAddress,
		LeaderElection:                o.leaderElect,
		LeaderElectionID:              leaseName,
		LeaderElectionNamespace:       o.leaderNamespace,
		LeaderElectionReleaseOnCancel: true, // the process ends right after
	})
	if err != nil {
		return nil, fmt.Errorf("making the manager: %w", err)
	}
	if err := app.SetupWithManager(ctx, manager, app.Options{MaxConcurrentReconciles: appWorkers}); err != nil {
		return nil, err
	}
	if err := metrics.RegisterApps(ctrlmetrics.Registry, manager.GetClient()); err != nil {
		return nil, err
	}
	if err := addTestRuns(manager, o); err != nil {
		return nil, err
	}
	return manager, addChecks(manager)
}

func addTestRuns(manager ctrl.Manager, o *options) error {
	runs := queue.New(queue.Limits{Total: o.maxConcurrentTests, PerNamespace: o.maxConcurrentPerNamespace})
	measured, err := metrics.NewTestRuns(ctrlmetrics.Registry, runs)
	if err != nil {
		return err
	}
	reconciler := &testrun.Reconciler{
		Client:           manager.GetClient(),
		Live:             manager.GetAPIReader(),
		Execution:        &pod.Execution{Client: manager.GetClient(), Live: manager.GetAPIReader(), Image: o.runnerImage},
		Queue:            runs,
		Metrics:          measured,
		Events:           manager.GetEventRecorder("topas.dev/testrun-controller"),
		StartDeadline:    o.startDeadline,
		DefaultTTL:       o.defaultTTL,
		PositionInterval: positionInterval,
		Now:              time.Now,
	}
	return reconciler.SetupWithManager(manager, controller.Options{MaxConcurrentReconciles: runWorkers})
}

func addChecks(manager ctrl.Manager) error {
	if err := manager.AddHealthzCheck("healthz", healthz.Ping); err != nil {
		return fmt.Errorf("adding the health check: %w", err)
	}
	if err := manager.AddReadyzCheck("readyz", healthz.Ping); err != nil {
		return fmt.Errorf("adding the readiness check: %w", err)
	}
	return nil
}

func metricsOptions(o *options) metricsserver.Options {
	served := metricsserver.Options{BindAddress: o.metricsAddress, SecureServing: o.metricsSecure}
	if o.metricsSecure {
		served.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	return served
}
