/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package metrics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// scrapeTimeout is how long a scrape waits for the list of Apps, which comes from the manager's cache.
const scrapeTimeout = 5 * time.Second

var appReady = prometheus.NewDesc("topas_app_ready", "1 if the App is Ready as its spec says now, 0 if it is not.", []string{"namespace", "app"}, nil)

// apps are the metrics of the Apps. They are read from the Apps themselves whenever somebody asks, so that a deleted App
// leaves nothing behind.
type apps struct{ reader client.Reader }

// RegisterApps registers the metrics of the Apps that reader lists.
func RegisterApps(registry prometheus.Registerer, reader client.Reader) error {
	if err := registry.Register(apps{reader}); err != nil {
		return fmt.Errorf("registering the metrics of the Apps: %w", err)
	}
	return nil
}

// Describe implements prometheus.Collector.
func (apps) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- appReady }

// Collect implements prometheus.Collector.
func (a apps) Collect(measured chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	var list v1alpha1.AppList
	err := a.reader.List(ctx, &list, client.UnsafeDisableDeepCopy)
	if errors.As(err, new(*cache.ErrCacheNotStarted)) {
		return // the metrics are served before anything is known
	}
	if err != nil {
		measured <- prometheus.NewInvalidMetric(appReady, fmt.Errorf("listing the Apps: %w", err))
		return
	}
	for i := range list.Items {
		app := &list.Items[i]
		value := 0.0
		if ready := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.AppConditionReady); ready != nil &&
			ready.Status == "True" && ready.ObservedGeneration == app.Generation {
			value = 1
		}
		measured <- prometheus.MustNewConstMetric(appReady, prometheus.GaugeValue, value, app.Namespace, app.Name)
	}
}
