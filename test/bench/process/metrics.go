/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// What is read of the manager's metrics.
const (
	metricRequests  = "rest_client_requests_total"
	metricPasses    = "controller_runtime_reconcile_total"
	metricQueued    = "workqueue_depth"
	metricWorking   = "controller_runtime_active_workers"
	metricAllocated = "go_memstats_alloc_bytes_total"
	metricCPU       = "process_cpu_seconds_total"
)

// metrics are the values of the series, by name and labels as the manager writes them: name{label="value",...}.
type metrics map[string]float64

func readMetrics(ctx context.Context, url string) (metrics, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("reading the metrics: the answer is %s", response.Status)
	}
	return parseMetrics(response.Body)
}

// parseMetrics reads the text format of Prometheus and returns an error if it lacks one of those that are read here: a
// metric that got another name must not count as 0.
func parseMetrics(text io.Reader) (metrics, error) {
	m := metrics{}
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		end := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[end+1:], 64)
		if end < 0 || err != nil {
			return nil, fmt.Errorf("reading the metrics: %q is no series with a value", line)
		}
		m[line[:end]] = value
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the metrics: %w", err)
	}
	for _, name := range []string{metricRequests, metricPasses, metricQueued, metricWorking, metricAllocated, metricCPU} {
		if len(m.series(name)) == 0 {
			return nil, fmt.Errorf("reading the metrics: there is no %s", name)
		}
	}
	return m, nil
}

// series are those of a name that have all of these labels, each as in name="value".
func (m metrics) series(name string, labels ...string) []float64 {
	var found []float64
	for series, value := range m {
		got, rest, _ := strings.Cut(series, "{")
		if got == name && hasLabels("{"+rest, labels) {
			found = append(found, value)
		}
	}
	return found
}

func hasLabels(text string, labels []string) bool {
	for _, label := range labels {
		if !strings.Contains(text, "{"+label) && !strings.Contains(text, ","+label) {
			return false
		}
	}
	return true
}

func (m metrics) sum(name string, labels ...string) float64 {
	var sum float64
	for _, value := range m.series(name, labels...) {
		sum += value
	}
	return sum
}

// requests are the manager's requests to the API server of a method, or all of them.
func (m metrics) requests(methods ...string) float64 {
	if len(methods) == 0 {
		return m.sum(metricRequests)
	}
	var sum float64
	for _, method := range methods {
		sum += m.sum(metricRequests, fmt.Sprintf("method=%q", method))
	}
	return sum
}

// passes are the passes of the App reconciler.
func (m metrics) passes() float64 { return m.sum(metricPasses, `controller="app"`) }

// busy reports whether a controller has something to do.
func (m metrics) busy() bool { return m.sum(metricQueued)+m.sum(metricWorking) > 0 }
