/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package metrics holds the topas_* metrics of the manager.
package metrics

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TestRuns are the metrics of the runs.
type TestRuns struct {
	duration *prometheus.HistogramVec
}

// NewTestRuns registers the metrics of the runs. Depth and active are asked whenever somebody reads the metrics, so they
// can't drift away from what the queue holds.
func NewTestRuns(registry prometheus.Registerer, depth, active func() int) (*TestRuns, error) {
	m := &TestRuns{duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "topas_test_duration_seconds",
		Help: "How long scripts ran, by the state in which their TestRuns ended. Runs whose script never started are not in it.",
		// A smoke test takes a second, an upgrade with a migration the better part of an hour.
		Buckets: []float64{0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400},
	}, []string{"state"})}
	for _, collector := range []prometheus.Collector{
		m.duration,
		gauge("topas_queue_depth", "Number of TestRuns that wait for a slot.", depth),
		gauge("topas_active_runners", "Number of TestRuns that hold a slot, from their admission until none of their containers is alive.", active),
	} {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("registering the metrics of the runs: %w", err)
		}
	}
	return m, nil
}

// Finished counts a run whose script ran for the given time. State is the state of the API in which it ended.
func (m *TestRuns) Finished(state string, took time.Duration) {
	m.duration.WithLabelValues(state).Observe(took.Seconds())
}

func gauge(name, help string, value func() int) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) })
}
