/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// endedAttempt is the first attempt of a run, whose Pod was evicted after 20 seconds.
func endedAttempt(change ...func(*v1alpha1.TestRunAttempt)) v1alpha1.TestRunAttempt {
	a := v1alpha1.TestRunAttempt{
		Attempt: 1, State: v1alpha1.TestRunError, Reason: "Evicted", Message: "the node was drained", PodName: "run-1",
		StartTime: after(5), CompletionTime: after(20),
	}
	for _, f := range change {
		f(&a)
	}
	return a
}

func TestAttempts(t *testing.T) {
	runningRun := admittedRun(withPod, startedAt(5), state(v1alpha1.TestRunRunning, "Running", ""), func(s *v1alpha1.TestRunStatus) {
		s.AppName, s.GitCommit, s.AppVersions = "run-e1234", "abc", map[string]string{"frontend": "v1"}
		s.Cases = &v1alpha1.TestRunCases{Total: 1, Passed: 1}
		s.CaseResults = []v1alpha1.TestRunCase{{Name: "first", State: v1alpha1.CasePassed}}
	})
	second := func(words string, change ...func(*v1alpha1.TestRunStatus)) v1alpha1.TestRunStatus {
		return admittedRun(append([]func(*v1alpha1.TestRunStatus){state(v1alpha1.TestRunPending, "Starting", words), func(s *v1alpha1.TestRunStatus) {
			s.AppVersions, s.Attempts = map[string]string{"frontend": "v1"}, []v1alpha1.TestRunAttempt{endedAttempt()}
		}}, change...)...)
	}
	again := "attempt 2 of 3 begins soon: attempt 1 ended as Evicted: the node was drained"
	verdictOf := func(verdict contract.Verdict, reason, message string, change ...func(*contract.Observation)) contract.Observation {
		seen := contract.Observation{Stage: contract.StageEnded, Name: "run-1", Started: runTime.Add(5 * time.Second), Ended: runTime.Add(20 * time.Second),
			Result: contract.Result{Verdict: verdict, Reason: reason, Message: message}}
		for _, f := range change {
			f(&seen)
		}
		return seen
	}
	alive := func(o *contract.Observation) { o.Alive = true }
	evicted := verdictOf(contract.Error, "Evicted", "the node was drained")
	final := func(before v1alpha1.TestRunStatus, s v1alpha1.TestRunState, reason, message string, change ...func(*v1alpha1.TestRunStatus)) v1alpha1.TestRunStatus {
		got := *before.DeepCopy()
		for _, f := range append([]func(*v1alpha1.TestRunStatus){state(s, reason, message), ended(20, "15s"), completeAt(20)}, change...) {
			f(&got)
		}
		return got
	}
	secondPod := func(s *v1alpha1.TestRunStatus) { s.PodName, s.StartTime = "run-2", after(5) }
	secondEvicted := func(s *v1alpha1.TestRunStatus) {
		s.Attempts = append(s.Attempts, endedAttempt(func(a *v1alpha1.TestRunAttempt) { a.Attempt, a.PodName = 2, "run-2" }))
	}

	for _, tc := range []struct {
		reason string
		before v1alpha1.TestRunStatus
		facts  TestRunFacts
		want   v1alpha1.TestRunStatus
		// wantLook is the second at which the run has to be looked at again; 0 for never.
		wantLook int
	}{
		{
			reason: "an attempt that the cluster ended is followed by another one, which begins with nothing of its own",
			before: runningRun, facts: TestRunFacts{Retries: 2, Seen: evicted},
			want: second(again), wantLook: 25,
		},
		{
			reason: "without retries the run ends, and its one attempt is not listed",
			before: runningRun, facts: TestRunFacts{Seen: evicted},
			want: final(runningRun, v1alpha1.TestRunError, "Evicted", "the node was drained"),
		},
		{
			reason: "a failed test has its verdict",
			before: runningRun, facts: TestRunFacts{Retries: 2, Seen: verdictOf(contract.Failed, "AssertionFailed", "a.lua:1: no")},
			want: final(runningRun, v1alpha1.TestRunFailed, "AssertionFailed", "a.lua:1: no"),
		},
		{
			reason: "what the test itself is to blame for would happen again",
			before: runningRun, facts: TestRunFacts{Retries: 2, Seen: verdictOf(contract.Error, "OOMKilled", "512Mi")},
			want: final(runningRun, v1alpha1.TestRunError, "OOMKilled", "512Mi"),
		},
		{
			reason: "a Pod of which nobody knows whether it has ended is not followed by a second one",
			before: runningRun, facts: TestRunFacts{Retries: 2, Seen: verdictOf(contract.Error, "NodeLost", "no word", alive)},
			want: final(runningRun, v1alpha1.TestRunError, "NodeLost", "no word"),
		},
		{
			reason: "a canceled run is not tried again",
			before: runningRun, facts: TestRunFacts{Retries: 2, Canceled: true, Seen: verdictOf(contract.Error, "Terminated", "stopped")},
			want: final(runningRun, v1alpha1.TestRunError, "Canceled", "canceled by spec.cancel after 15s"),
		},
		{
			reason: "a Pod that has not started in time is given up, and it can be ended before the next one begins",
			before: admittedRun(withPod),
			facts: TestRunFacts{Retries: 1, StartDeadline: time.Second, Seen: contract.Observation{
				Stage: contract.StageWaiting, Name: "run-1", Alive: true, WaitingReason: "ErrImagePull", WaitingMessage: "not found"}},
			want: admittedRun(state(v1alpha1.TestRunPending, "Starting",
				"attempt 2 of 2 begins soon: attempt 1 ended as ImagePullFailed: the test did not start within 1s: ErrImagePull: not found"),
				func(s *v1alpha1.TestRunStatus) {
					s.Attempts = []v1alpha1.TestRunAttempt{endedAttempt(func(a *v1alpha1.TestRunAttempt) {
						a.Reason, a.Message, a.StartTime = "ImagePullFailed", "the test did not start within 1s: ErrImagePull: not found", nil
					})}
				}),
			wantLook: 25,
		},
		{
			reason: "while the next attempt waits its status stays as it is",
			before: second(again), facts: TestRunFacts{Retries: 2, Seen: contract.Observation{Stage: contract.StageAbsent}},
			want: second(again), wantLook: 25,
		},
		{
			reason: "a pass at the second attempt says so",
			before: second("", secondPod),
			facts:  TestRunFacts{Retries: 2, Seen: verdictOf(contract.Passed, "Passed", "", func(o *contract.Observation) { o.Name = "run-2" })},
			want: final(second("", secondPod), v1alpha1.TestRunPassed, "PassedAfterRetry", "", func(s *v1alpha1.TestRunStatus) {
				s.Attempts = append(s.Attempts, v1alpha1.TestRunAttempt{
					Attempt: 2, State: v1alpha1.TestRunPassed, Reason: "PassedAfterRetry", PodName: "run-2", StartTime: after(5), CompletionTime: after(20)})
			}),
		},
		{
			reason: "the last attempt leaves its verdict to the run",
			before: second("", secondPod), facts: TestRunFacts{Retries: 1, Seen: evicted},
			want: final(second("", secondPod), v1alpha1.TestRunError, "Evicted", "the node was drained", secondEvicted),
		},
		{
			reason: "what the runner has counted is there also when its last report was lost",
			before: admittedRun(withPod, startedAt(5)),
			facts: TestRunFacts{Seen: verdictOf(contract.Failed, "AssertionFailed", "no", func(o *contract.Observation) {
				o.Result.Cases = &contract.Cases{Total: 6, Passed: 3, Failed: 2, Skipped: 1}
			})},
			want: final(admittedRun(withPod, startedAt(5)), v1alpha1.TestRunFailed, "AssertionFailed", "no", func(s *v1alpha1.TestRunStatus) {
				s.Cases = &v1alpha1.TestRunCases{Total: 6, Passed: 3, Failed: 2, Skipped: 1}
			}),
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			tc.facts.Now, tc.facts.Admitted, tc.facts.Slots, tc.facts.Backstop = runTime.Add(20*time.Second), true, 10, time.Hour
			if tc.facts.StartDeadline == 0 {
				tc.facts.StartDeadline = 5 * time.Minute
			}
			run := &v1alpha1.TestRun{ObjectMeta: metav1.ObjectMeta{Generation: 1}, Status: tc.before}
			got := TestRun(run, tc.facts)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			var wantLook time.Time
			if tc.wantLook > 0 {
				wantLook = after(tc.wantLook).Time
			}
			if look := TestRunDeadline(got, tc.facts); !look.Equal(wantLook) {
				t.Errorf("the next look is at %s, want %s", look, wantLook)
			}
		})
	}
}

// TestRetryTimes: what keeps a run from starting may last for minutes, so that later attempts wait longer, within bounds.
func TestRetryTimes(t *testing.T) {
	var got []time.Duration
	s := v1alpha1.TestRunStatus{State: v1alpha1.TestRunPending}
	for range 10 {
		s.Attempts = append(s.Attempts, endedAttempt())
		got = append(got, TestRunRetryTime(s).Sub(after(20).Time))
	}
	want := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second,
		5 * time.Minute, 5 * time.Minute, 5 * time.Minute, 5 * time.Minute}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("delays (-want +got):\n%s", diff)
	}
	if at := TestRunRetryTime(v1alpha1.TestRunStatus{}); !at.IsZero() {
		t.Errorf("the first attempt may begin at %s, want at once", at)
	}
}
