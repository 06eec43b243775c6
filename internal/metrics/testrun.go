/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package metrics holds the topas_* metrics of the manager.
package metrics

import (
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// TestRuns are the metrics of the runs.
type TestRuns struct {
	duration *prometheus.HistogramVec
	finished *prometheus.CounterVec
	waited   prometheus.Histogram

	mu      sync.Mutex
	reasons map[string]bool
}

// A reason comes out of a Pod, which may hold anything: of more reasons than there can be, the last ones are counted together.
const (
	maxReasons  = 64
	otherReason = "Other"
)

// Queue is asked whenever somebody reads the metrics, so that they can't drift away from what it holds.
type Queue interface {
	// Restored reports whether the queue knows of all runs. Until then nothing is said of it, rather than that it is empty.
	Restored() bool
	Depth() int
	Active() int
}

// NewTestRuns registers the metrics of the runs.
func NewTestRuns(registry prometheus.Registerer, queue Queue) (*TestRuns, error) {
	m := &TestRuns{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "topas_test_duration_seconds",
			Help: "How long scripts ran, by the state in which their TestRuns ended. Runs whose script never started are not in it.",
			// A smoke test takes a second, an upgrade with a migration the better part of an hour.
			Buckets: []float64{0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400},
		}, []string{"state"}),
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "topas_testruns_total",
			Help: "Number of TestRuns that have ended, by state and reason.",
		}, []string{"state", "reason"}),
		waited: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "topas_queue_wait_seconds",
			Help: "How long TestRuns waited for a slot, from their creation to their admission. Creation is known to the second.",
			// Without a queue it is less than the second; behind one, up to a night.
			Buckets: []float64{1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 14400, 43200},
		}),
		reasons: map[string]bool{},
	}
	for _, collector := range []prometheus.Collector{
		m.duration, m.finished, m.waited, slots{queue},
	} {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("registering the metrics of the runs: %w", err)
		}
	}
	return m, nil
}

// Admitted counts a run that has got a slot that long after its creation.
func (m *TestRuns) Admitted(waited time.Duration) {
	m.waited.Observe(max(waited, 0).Seconds())
}

// Finished counts a run that has ended. State and reason are those of the API.
func (m *TestRuns) Finished(state, reason string) {
	m.finished.WithLabelValues(state, m.bounded(reason)).Inc()
}

// Ran counts a run that has ended in that state, and whose script ran for the given time.
func (m *TestRuns) Ran(state string, took time.Duration) {
	m.duration.WithLabelValues(state).Observe(took.Seconds())
}

func (m *TestRuns) bounded(reason string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.reasons[reason] && len(m.reasons) >= maxReasons {
		return otherReason
	}
	m.reasons[reason] = true
	return reason
}

var (
	queueDepth = prometheus.NewDesc("topas_queue_depth", "Number of TestRuns that wait for a slot.", nil, nil)
	activeRuns = prometheus.NewDesc("topas_active_runners",
		"Number of TestRuns that hold a slot, from their admission until none of their containers is alive.", nil, nil)
)

// slots collects what the queue holds.
type slots struct{ queue Queue }

func (slots) Describe(to chan<- *prometheus.Desc) {
	to <- queueDepth
	to <- activeRuns
}

func (s slots) Collect(to chan<- prometheus.Metric) {
	if !s.queue.Restored() {
		return
	}
	to <- prometheus.MustNewConstMetric(queueDepth, prometheus.GaugeValue, float64(s.queue.Depth()))
	to <- prometheus.MustNewConstMetric(activeRuns, prometheus.GaugeValue, float64(s.queue.Active()))
}
