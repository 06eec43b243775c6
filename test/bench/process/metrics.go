/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package process

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

// Metrics are the values of the series, by name and labels as the manager writes them: name{label="value",...}.
type Metrics map[string]float64

// ReadMetrics reads the metrics that a program serves.
func ReadMetrics(ctx context.Context, client *http.Client, url string) (Metrics, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("reading the metrics: the answer is %s", response.Status)
	}
	return ParseMetrics(response.Body)
}

// readManager returns an error if the manager lacks one of the metrics that are read here: one that got another name must not
// count as 0.
func readManager(ctx context.Context, url string) (Metrics, error) {
	m, err := ReadMetrics(ctx, http.DefaultClient, url)
	if err != nil {
		return nil, err
	}
	return m, m.check()
}

// ParseMetrics reads the text format of Prometheus.
func ParseMetrics(text io.Reader) (Metrics, error) {
	m := Metrics{}
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 1<<20)
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
	return m, nil
}

// Value is that of a series without labels, which must be there.
func (m Metrics) Value(name string) (float64, error) {
	value, ok := m[name]
	if !ok {
		return 0, fmt.Errorf("reading the metrics: there is no %s", name)
	}
	return value, nil
}

func (m Metrics) check() error {
	for _, name := range []string{metricRequests, metricPasses, metricQueued, metricWorking, metricAllocated, metricCPU} {
		if len(m.series(name)) == 0 {
			return fmt.Errorf("reading the metrics: there is no %s", name)
		}
	}
	return nil
}

// series are those of a name that have all of these labels, each as in name="value".
func (m Metrics) series(name string, labels ...string) []float64 {
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

// Sum adds up the series of a name that have all of these labels, each as in name="value".
func (m Metrics) Sum(name string, labels ...string) float64 {
	var sum float64
	for _, value := range m.series(name, labels...) {
		sum += value
	}
	return sum
}

// Requests are the manager's requests to the API server of a method, or all of them.
func (m Metrics) Requests(methods ...string) float64 {
	if len(methods) == 0 {
		return m.Sum(metricRequests)
	}
	var sum float64
	for _, method := range methods {
		sum += m.Sum(metricRequests, fmt.Sprintf("method=%q", method))
	}
	return sum
}

// Passes are those of a controller, as in "app".
func (m Metrics) Passes(controller string) float64 {
	return m.Sum(metricPasses, fmt.Sprintf("controller=%q", controller))
}

// Allocated is the memory that was ever allocated, in bytes.
func (m Metrics) Allocated() float64 { return m.Sum(metricAllocated) }

// CPU is in seconds.
func (m Metrics) CPU() float64 { return m.Sum(metricCPU) }

// busy reports whether a controller has something to do.
func (m Metrics) busy() bool { return m.Sum(metricQueued)+m.Sum(metricWorking) > 0 }
