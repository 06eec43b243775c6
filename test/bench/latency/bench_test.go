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
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/bench/process"
)

func TestRequestsOf(t *testing.T) {
	server, err := process.ParseMetrics(strings.NewReader(`
# TYPE apiserver_request_total counter
apiserver_request_total{code="201",component="apiserver",resource="pods",scope="resource",subresource="",verb="POST"} 3
apiserver_request_total{code="409",component="apiserver",resource="pods",scope="resource",subresource="",verb="POST"} 1
apiserver_request_total{code="200",component="apiserver",resource="pods",scope="resource",subresource="status",verb="PATCH"} 2
apiserver_request_total{code="200",component="",resource="",scope="",subresource="/metrics",verb="GET"} 9
apiserver_request_total_more{verb="POST",resource="pods"} 100
`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]float64{"POST pods": 4, "PATCH pods/status": 2}, requestsOf(server)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestWhatIsDoneAtRestIsTakenOff(t *testing.T) {
	idle := spent{requests: map[string]float64{"GET leases": 10}, cpu: 1, time: 10 * time.Second}
	total := spent{requests: map[string]float64{"GET leases": 20, "POST pods": 20}, cpu: 7, time: 20 * time.Second}
	got := total.each(5, idle)
	if diff := cmp.Diff(map[string]float64{"GET leases": 0, "POST pods": 4}, got.requests); diff != "" || got.cpu != 1 {
		t.Errorf("CPU is %v, want 1; requests (-want +got):\n%s", got.cpu, diff)
	}
}

func TestTheEndIsSeenOnce(t *testing.T) {
	named := metav1.ObjectMeta{Name: "x"}
	pod := func(phase corev1.PodPhase) client.Object {
		return &corev1.Pod{ObjectMeta: named, Status: corev1.PodStatus{Phase: phase}}
	}
	run := func(state v1alpha1.TestRunState) client.Object {
		return &v1alpha1.TestRun{ObjectMeta: named, Status: v1alpha1.TestRunStatus{State: state}}
	}
	for _, tc := range []struct {
		reason      string
		states      []client.Object
		wantEnd     bool
		wantProblem string
	}{
		{"a Pod that runs has not ended", []client.Object{pod(corev1.PodPending), pod(corev1.PodRunning)}, false, ""},
		{"a Pod that succeeded has, however often that is told", []client.Object{pod(corev1.PodSucceeded), pod(corev1.PodSucceeded)}, true, ""},
		{"a Pod that failed is no measure", []client.Object{pod(corev1.PodFailed)}, true, "Failed"},
		{"a run that runs has not ended", []client.Object{run(""), run(v1alpha1.TestRunRunning)}, false, ""},
		{"a run that passed has", []client.Object{run(v1alpha1.TestRunPassed), run(v1alpha1.TestRunPassed)}, true, ""},
		{"a run that could not be judged is no measure", []client.Object{run(v1alpha1.TestRunError)}, true, "Error"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			ended := make(chan end, 1)
			s := &subject{awaited: map[string]chan end{"x": ended}, present: map[string]bool{}}
			for _, object := range tc.states {
				s.see(watch.Event{Type: watch.Modified, Object: object})
			}
			if got := len(ended) == 1; got != tc.wantEnd || len(s.those(tc.wantEnd)) != 1 {
				t.Fatalf("the end was seen: %v, want %v", got, tc.wantEnd)
			}
			if tc.wantEnd {
				if e := <-ended; !strings.HasPrefix(e.problem, tc.wantProblem) || (e.problem == "") != (tc.wantProblem == "") {
					t.Errorf("problem is %q, want %q", e.problem, tc.wantProblem)
				}
			}
		})
	}
}

func TestReport(t *testing.T) {
	seconds := func(all ...float64) (list []time.Duration) {
		for _, s := range all {
			list = append(list, time.Duration(s*float64(time.Second)))
		}
		return list
	}
	r := result{
		runs: measured{latencies: seconds(3, 1, 2), n: 10, took: 4 * time.Second,
			spent: spent{requests: map[string]float64{"POST pods": 10, "POST testruns": 20, "GET pods": 0.1}, cpu: 0.5, time: 10 * time.Second}},
		pods: measured{latencies: seconds(4, 2, 4), n: 10, took: 5 * time.Second,
			spent: spent{requests: map[string]float64{"POST pods": 10}, cpu: 0.1, time: 10 * time.Second}},
		idle: spent{time: 10 * time.Second},
	}
	var out bytes.Buffer
	if err := report(&out, r); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	want := `{"p50_ratio":0.5,"p95_ratio":0.75,"throughput_ratio":1.25,"extra_requests":2.01,"extra_cpu_core_s":0.04}`
	if diff := cmp.Diff(want, lines[len(lines)-1]); diff != "" {
		t.Errorf("the last line (-want +got):\n%s", diff)
	}
	if strings.Contains(out.String(), "GET pods") {
		t.Errorf("what hardly happens is in the table:\n%s", out.String())
	}
}
