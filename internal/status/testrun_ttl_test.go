/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import (
	"math"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

func TestTestRunExpiry(t *testing.T) {
	passed := func(change ...func(*v1alpha1.TestRunStatus)) v1alpha1.TestRunStatus {
		return admittedRun(append([]func(*v1alpha1.TestRunStatus){state(v1alpha1.TestRunPassed, "Passed", ""), ended(10, "5s"), completeAt(10)}, change...)...)
	}
	for _, tc := range []struct {
		reason    string
		status    v1alpha1.TestRunStatus
		ttl       *int32
		byDefault time.Duration
		want      time.Time
	}{
		{"a run without a time to live is kept", passed(), nil, 0, time.Time{}},
		{"the manager has one for it", passed(), nil, time.Hour, after(3610).Time},
		{"its own counts", passed(), new(int32(60)), time.Hour, after(70).Time},
		{"nothing at all is a time to live", passed(), new(int32(0)), time.Hour, after(10).Time},
		{"the longest", passed(), new(int32(math.MaxInt32)), 0, after(10 + math.MaxInt32).Time},
		{"a run that has not ended", admittedRun(), new(int32(0)), time.Hour, time.Time{}},
		{"a verdict that was written down late can be read", passed(completeAt(500)), new(int32(60)), 0, after(560).Time},
		{"a node whose clock is ahead", passed(func(s *v1alpha1.TestRunStatus) { s.CompletionTime = after(100) }), new(int32(60)), 0, after(160).Time},
		{"no completionTime", passed(func(s *v1alpha1.TestRunStatus) { s.CompletionTime = nil }), new(int32(60)), 0, after(70).Time},
		{"no condition", passed(func(s *v1alpha1.TestRunStatus) { s.Conditions = nil }), new(int32(60)), 0, after(70).Time},
		{"no time of the end at all", v1alpha1.TestRunStatus{State: v1alpha1.TestRunPassed}, new(int32(0)), time.Hour, time.Time{}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			run := &v1alpha1.TestRun{ObjectMeta: metav1.ObjectMeta{Name: "run"}, Status: tc.status}
			run.Spec.TTLSecondsAfterFinished = tc.ttl
			if got := TestRunExpiry(run, tc.byDefault); !got.Equal(tc.want) {
				t.Errorf("expires at %s, want %s", got, tc.want)
			}
		})
	}
}
