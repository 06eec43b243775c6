/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"bytes"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ago(d time.Duration) metav1.Time { return metav1.NewTime(now.Add(-d)) }

func fixtures() []v1alpha1.TestRun {
	started := ago(95 * time.Second)
	completed := ago(80 * time.Second)
	return []v1alpha1.TestRun{
		{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "smoke-9xk2p", CreationTimestamp: ago(5 * time.Second)},
			Spec:       v1alpha1.TestRunSpec{AppName: "my-app", Script: "print(1)"},
		},
		{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "queued", CreationTimestamp: ago(20 * time.Second)},
			Spec:       v1alpha1.TestRunSpec{AppName: "my-app", Script: "print(1)"},
			Status:     v1alpha1.TestRunStatus{State: v1alpha1.TestRunPending, Reason: v1alpha1.ReasonQueued, Message: "10 of 10 slots are taken", QueuePosition: 3},
		},
		{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "load", CreationTimestamp: ago(100 * time.Second)},
			Spec:       v1alpha1.TestRunSpec{AppName: "my-app", Git: &v1alpha1.GitSource{URL: "https://git.example.com/shop.git", Path: "tests/load.lua", Revision: "main"}},
			Status: v1alpha1.TestRunStatus{
				State: v1alpha1.TestRunRunning, Reason: v1alpha1.ReasonRunning, StartTime: &started, PodName: "load-1",
				GitCommit: "0123456789abcdef0123456789abcdef01234567",
			},
		},
		{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: "upgrade-test-x7k2p", CreationTimestamp: ago(2 * time.Hour),
				Annotations: map[string]string{v1alpha1.AnnotationScriptName: "upgrade_test.lua"},
			},
			Spec: v1alpha1.TestRunSpec{AppName: "my-app", Script: "print(1)"},
			Status: v1alpha1.TestRunStatus{
				State: v1alpha1.TestRunFailed, Reason: v1alpha1.ReasonAssertionFailed, StartTime: &started, CompletionTime: &completed, Duration: "15.2s",
				PodName: "upgrade-test-x7k2p-1", AppVersions: map[string]string{"frontend": "v1.1.0", "echo": "v1.0.0"},
				Message: "upgrade_test.lua:31: alice is not there\nGET http://frontend/api/users/alice -> 404",
			},
		},
		{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "old", CreationTimestamp: ago(72 * time.Hour)},
			Spec:       v1alpha1.TestRunSpec{AppName: "gone", Script: "print(1)"},
			Status:     v1alpha1.TestRunStatus{State: v1alpha1.TestRunError, Reason: v1alpha1.ReasonAppNotFound, Message: `App "gone" is not in namespace "shop"`},
		},
		{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "flaky", CreationTimestamp: ago(4 * time.Hour)},
			Spec:       v1alpha1.TestRunSpec{AppName: "my-app", Script: "print(1)", Retries: 2, Isolation: v1alpha1.IsolationEphemeral},
			Status: v1alpha1.TestRunStatus{
				State: v1alpha1.TestRunPassed, Reason: v1alpha1.ReasonPassedAfterRetry, StartTime: &started, CompletionTime: &completed, Duration: "15.2s",
				PodName: "flaky-3", AppName: "flaky-copy",
				Cases: &v1alpha1.TestRunCases{Total: 2, Passed: 1, Skipped: 1},
				CaseResults: []v1alpha1.TestRunCase{
					{Name: "users/alice", State: v1alpha1.CasePassed, Duration: "412ms"},
					{Name: "users/bob", State: v1alpha1.CaseSkipped, Message: "not today"},
				},
				Attempts: []v1alpha1.TestRunAttempt{
					{Attempt: 1, State: v1alpha1.TestRunError, Reason: v1alpha1.ReasonEvicted, Message: "The node was low on memory\nThreshold: 100Mi",
						PodName: "flaky-1", StartTime: &started, CompletionTime: &completed},
					{Attempt: 2, State: v1alpha1.TestRunError, Reason: v1alpha1.ReasonPodCreateFailed, Message: "exceeded quota", CompletionTime: &completed},
					{Attempt: 3, State: v1alpha1.TestRunPassed, Reason: v1alpha1.ReasonPassed, PodName: "flaky-3", StartTime: &started, CompletionTime: &completed},
				},
			},
		},
		{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "again", CreationTimestamp: ago(2 * time.Minute)},
			Spec:       v1alpha1.TestRunSpec{AppName: "my-app", Script: "print(1)", Retries: 1, Isolation: v1alpha1.IsolationShared},
			Status: v1alpha1.TestRunStatus{
				State: v1alpha1.TestRunPending, Reason: v1alpha1.ReasonStarting, Message: "waits for a node", PodName: "again-1",
				Attempts: []v1alpha1.TestRunAttempt{
					{Attempt: 1, State: v1alpha1.TestRunError, Reason: v1alpha1.ReasonNodeLost, PodName: "again-1", StartTime: &started, CompletionTime: &completed},
				},
			},
		},
		{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cases", CreationTimestamp: ago(3 * time.Minute)},
			Spec:       v1alpha1.TestRunSpec{AppName: "my-app", Script: "print(1)", Isolation: v1alpha1.IsolationExclusive},
			Status: v1alpha1.TestRunStatus{
				State: v1alpha1.TestRunFailed, Reason: v1alpha1.ReasonAssertionFailed, StartTime: &started, CompletionTime: &completed, Duration: "15.2s",
				Message: "orders.lua:31: expect(order):covers", PodName: "cases-1",
				Cases: &v1alpha1.TestRunCases{Total: 512, Passed: 500, Failed: 11, Skipped: 1},
				CaseResults: []v1alpha1.TestRunCase{
					{Name: "checkout", State: v1alpha1.CasePassed, Duration: "412ms"},
					{Name: "checkout/creates order", State: v1alpha1.CaseFailed, Duration: "38ms", Message: "orders.lua:31: expect(order):covers\n  .items[1].qty  expected 2, got 1"},
					{Name: "users", State: v1alpha1.CaseFailed},
				},
				CaseResultsOmitted: 509,
				Attempts:           []v1alpha1.TestRunAttempt{{Attempt: 1, State: v1alpha1.TestRunFailed, Reason: v1alpha1.ReasonAssertionFailed, PodName: "cases-1"}},
			},
		},
	}
}

func TestPrintRuns(t *testing.T) {
	for name, opts := range map[string]tableOptions{
		"status/list":            {now: now},
		"status/list_wide":       {now: now, wide: true},
		"status/list_namespaces": {now: now, namespace: true},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := printRuns(&out, fixtures(), opts); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.String())
		})
	}
}

func TestPrintRun(t *testing.T) {
	for _, run := range fixtures() {
		t.Run(run.Name, func(t *testing.T) {
			var out, verdict bytes.Buffer
			if err := printRun(&out, &run, now); err != nil {
				t.Fatal(err)
			}
			printVerdict(&verdict, &run)
			golden(t, "status/"+run.Name, out.String()+"--- at the end of its log:\n"+verdict.String())
		})
	}
}
