/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReport(t *testing.T) {
	few := measurement{what: "TestRuns", count: 10, took: 2 * time.Second, cpu: 100 * time.Millisecond, allocated: 4e6, peak: 5e7, maxRunning: 49,
		requests: requests{{"create", "pods"}: 10, {"patch", "testruns/status"}: 30, {"get", "testruns"}: 10}}
	many := measurement{what: "TestRuns", count: 100, took: 10 * time.Second, cpu: 2 * time.Second, allocated: 44e6, peak: 8e7, maxRunning: 50,
		requests: requests{{"create", "pods"}: 100, {"patch", "testruns/status"}: 310, {"get", "testruns"}: 100, {"create", "events"}: 200, {"watch", "pods"}: 10}}
	jobs := measurement{what: "Jobs", count: 100, took: 50 * time.Second, requests: requests{{"update", "jobs/status"}: 300}}
	free := measurement{what: "Jobs", count: 1000, took: 50 * time.Second, requests: requests{{"list", "jobs"}: 1}}
	var out bytes.Buffer
	if err := report(&out, results{few, many, jobs, free}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	want := `{"runs_per_second":10,"cost_ratio_10k_1k":1.44,"speed_vs_jobs":5,"writes_per_run":4.1,"max_running":50,` +
		`"reads_per_run":1,"events_per_run":2,"allocated_ratio_10k_1k":1.1,"requests_ratio_10k_1k":1.44,"cpu_ratio_10k_1k":2,` +
		`"cpu_ms_per_run":20,"peak_memory_mb":80,"speed_vs_jobs_without_client_limits":0.5}`
	if diff := cmp.Diff(want, lines[len(lines)-1]); diff != "" {
		t.Errorf("the last line (-want +got):\n%s", diff)
	}
	if table := out.String(); !strings.Contains(table, "update jobs/status") || strings.Contains(table, "list jobs") {
		t.Errorf("the table is\n%swant the requests that are frequent, and no others", table)
	}
}

const auditLog = `{"kind":"Event","verb":"create","userAgent":"manager/v1 (linux/amd64)","objectRef":{"resource":"pods","namespace":"bench"}}
{"kind":"Event","verb":"patch","userAgent":"manager/v1 (linux/amd64)","objectRef":{"resource":"testruns","subresource":"status"}}
{"kind":"Event","verb":"patch","userAgent":"manager/v1 (linux/amd64)","objectRef":{"resource":"testruns","subresource":"status"}}
{"kind":"Event","verb":"get","userAgent":"kube-controller-manager/v1 (linux/amd64)/job-controller","requestURI":"/api"}
`

func TestAudit(t *testing.T) {
	for _, tc := range []struct{ reason, log, wantErr string }{
		{"every request counts for its program", auditLog, ""},
		{"what is no audit log must not count as no requests", auditLog + "panic: no\n", "reading the audit log: invalid character 'p'"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			a, _, err := audit(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := a.pipe.Write([]byte(tc.log)); err != nil {
				t.Fatal(err)
			}
			a.stop()
			got, err := a.counted("manager")
			if diff := cmp.Diff(requests{{"create", "pods"}: 1, {"patch", "testruns/status"}: 2}, got); diff != "" {
				t.Errorf("requests of the manager (-want +got):\n%s", diff)
			}
			if message := errorText(err); !strings.HasPrefix(message, tc.wantErr) || (message != "") != (tc.wantErr != "") {
				t.Errorf("error is %q, want %q", message, tc.wantErr)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
