/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package process

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
)

func TestAManagerThatEndsIsNotWaitedFor(t *testing.T) {
	m, err := StartManager("/bin/ls", t.TempDir(), &rest.Config{}) // ls doesn't know the flags of the manager
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Rest(t.Context(), "app", 0); err == nil || !strings.Contains(err.Error(), "--runner-image") {
		t.Errorf("error is %v, want one with what it said", err)
	}
	if err := m.Stop(); err != nil {
		t.Error(err)
	}
}

const page = `# HELP rest_client_requests_total Number of HTTP requests
# TYPE rest_client_requests_total counter
rest_client_requests_total{code="200",host="127.0.0.1:1",method="GET"} 12
rest_client_requests_total{code="404",host="127.0.0.1:1",method="GET"} 3
rest_client_requests_total{code="201",host="127.0.0.1:1",method="POST"} 4
rest_client_requests_total{code="200",host="127.0.0.1:1",method="PATCH"} 1e+03
controller_runtime_reconcile_total{controller="app",result="error"} 1
controller_runtime_reconcile_total{controller="app",result="success"} 5
controller_runtime_reconcile_total{controller="testrun",result="success"} 7
workqueue_depth{controller="app",name="app",priority="0"} 2
controller_runtime_active_workers{controller="app"} 0
go_memstats_alloc_bytes_total 1.5e+06
process_cpu_seconds_total 1.25
`

func TestParseMetrics(t *testing.T) {
	m, err := ParseMetrics(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	got := []float64{m.Requests(), m.Requests("GET"), m.Requests("POST", "PATCH", "DELETE"), m.Passes("app"), m.Allocated(), m.CPU()}
	if diff := cmp.Diff([]float64{1019, 15, 1004, 6, 1.5e6, 1.25}, got); diff != "" {
		t.Errorf("requests, those that read, those that write, passes, bytes, CPU (-want +got):\n%s", diff)
	}
	if !m.busy() {
		t.Error("a manager with Apps in its queue counts as idle")
	}
	idle, err := ParseMetrics(strings.NewReader(strings.ReplaceAll(page, `priority="0"} 2`, `priority="0"} 0`)))
	if err != nil || idle.busy() {
		t.Errorf("a manager with an empty queue counts as busy, error %v", err)
	}
}

func TestParseMetricsRefuses(t *testing.T) {
	for _, tc := range []struct{ reason, page, want string }{
		{"a metric has another name", strings.ReplaceAll(page, "workqueue_depth", "workqueue_length"), "there is no workqueue_depth"},
		{"a line without a value", page + "up\n", `"up" is no series with a value`},
		{"it is no metrics page", "<html>no\n", `"<html>no" is no series with a value`},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			m, err := ParseMetrics(strings.NewReader(tc.page))
			if err == nil {
				err = m.check()
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestParseUsage(t *testing.T) {
	const stat = "42 (a b) c) S 1 42 42 0 -1 4194304 9 0 0 0 250 50 0 0 20 0 9 0 100 1 1\n"
	const status = "Name:\ta b) c\nVmPeak:\t  900 kB\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n"
	got, err := parseUsage(stat, status)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Usage{CPU: 3 * time.Second, PeakMemory: 2 << 20}, got); diff != "" {
		t.Errorf("usage (-want +got):\n%s", diff)
	}
	for _, tc := range []struct{ reason, stat, status, want string }{
		{"the file ends early", "42 (a) S 1", status, "has no CPU time"},
		{"the process is a zombie, which has no memory", stat, "Name:\ta\nState:\tZ (zombie)\n", "has no VmHWM"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			if _, err := parseUsage(tc.stat, tc.status); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want one with %q", err, tc.want)
			}
		})
	}
}
