/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
)

// TestMeasure measures two Apps by the real manager.
func TestMeasure(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "manager")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../../cmd/manager").CombinedOutput(); err != nil {
		t.Fatalf("building the manager: %v\n%s", err, out)
	}
	m, err := measure(t.Context(), binary, 2)
	if err != nil {
		t.Fatal(err)
	}
	if m.requests["PATCH"] == 0 || m.passes == 0 || m.allocated == 0 || m.cpu == 0 || m.took == 0 {
		t.Errorf("what bringing up 2 Apps took is %+v, want nothing of it to be 0", m)
	}
	if m.resyncWrites != 0 || m.resyncPasses < warmups+2 {
		t.Errorf("a manager that found the Apps converged wrote %v times in %v passes, want 0 in at least %d",
			m.resyncWrites, m.resyncPasses, warmups+2)
	}
}

func TestAManagerThatEndsIsNotWaitedFor(t *testing.T) {
	m, err := startManager("/bin/ls", t.TempDir(), &rest.Config{}) // ls doesn't know the flags of the manager
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.rest(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "--runner-image") {
		t.Errorf("error is %v, want one with what it said", err)
	}
	if err := m.stop(); err != nil {
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
	m, err := parseMetrics(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	got := []float64{m.requests(), m.requests("GET"), m.requests("POST", "PATCH", "DELETE"), m.passes(), m.sum(metricAllocated), m.sum(metricCPU)}
	if diff := cmp.Diff([]float64{1019, 15, 1004, 6, 1.5e6, 1.25}, got); diff != "" {
		t.Errorf("requests, those that read, those that write, passes, bytes, CPU (-want +got):\n%s", diff)
	}
	if !m.busy() {
		t.Error("a manager with Apps in its queue counts as idle")
	}
	idle, err := parseMetrics(strings.NewReader(strings.ReplaceAll(page, `priority="0"} 2`, `priority="0"} 0`)))
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
			if _, err := parseMetrics(strings.NewReader(tc.page)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestReport(t *testing.T) {
	few := measurement{apps: 50, took: 10 * time.Second, requests: map[string]float64{"GET": 500, "PATCH": 750}, passes: 250,
		allocated: 200e6, cpu: 1, resyncPasses: 60}
	many := measurement{apps: 200, took: 50 * time.Second, requests: map[string]float64{"GET": 2000, "PATCH": 3000}, passes: 1000,
		allocated: 880e6, cpu: 5, resyncPasses: 210, resyncWrites: 20}
	var out bytes.Buffer
	if err := report(&out, few, many); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	want := `{"writes_when_converged":0.1,"requests_per_app":25,"cost_ratio_200_50":1.1,` +
		`"apps_per_second_50":5,"apps_per_second_200":4,"requests_per_app_50":25,` +
		`"allocated_kb_per_app_50":4000,"allocated_kb_per_app_200":4400,"cpu_ms_per_app_50":20,"cpu_ms_per_app_200":25}`
	if diff := cmp.Diff(want, lines[len(lines)-1]); diff != "" {
		t.Errorf("the last line (-want +got):\n%s", diff)
	}
}
