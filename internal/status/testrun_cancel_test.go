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

func TestCanceledRun(t *testing.T) {
	// The script started at second 5, and was asked to stop at second 20.
	seen := func(stage contract.Stage, change ...func(*contract.Observation)) contract.Observation {
		o := contract.Observation{Stage: stage, Name: "run-1", Started: after(5).Time, Alive: stage != contract.StageEnded,
			StopAsked: after(20).Time, StopBy: after(80).Time}
		for _, f := range change {
			f(&o)
		}
		return o
	}
	endedWith := func(second int, verdict contract.Verdict, reason string) contract.Observation {
		return seen(contract.StageEnded, func(o *contract.Observation) {
			o.Ended, o.Result = after(second).Time, contract.Result{Verdict: verdict, Reason: reason, Message: "own words"}
		})
	}
	unasked := func(o contract.Observation) contract.Observation {
		o.StopAsked, o.StopBy = time.Time{}, time.Time{}
		return o
	}
	canceled := func(message string, second int, duration string) v1alpha1.TestRunStatus {
		return admittedRun(withPod, startedAt(5), state(v1alpha1.TestRunError, "Canceled", message), ended(second, duration), completeAt(30))
	}

	for _, tc := range []struct {
		reason   string
		seen     contract.Observation
		waits    bool
		want     v1alpha1.TestRunStatus
		wantLook int
	}{
		{
			reason: "one that waits has no slot and gets none", seen: contract.Observation{Stage: contract.StageAbsent}, waits: true,
			want: v1alpha1.TestRunStatus{ObservedGeneration: 1, State: "Error", Reason: "Canceled", Message: "canceled by spec.cancel before it started",
				CompletionTime: after(30), Conditions: []metav1.Condition{
					runCondition("Admitted", metav1.ConditionFalse, "Canceled", "the run was canceled before it had a slot", 30),
					runCondition("Complete", metav1.ConditionTrue, "Canceled", "canceled by spec.cancel before it started", 30),
				}},
		},
		{
			reason: "one whose Pod was not made yet", seen: contract.Observation{Stage: contract.StageAbsent},
			want: admittedRun(state(v1alpha1.TestRunError, "Canceled", "canceled by spec.cancel before it started"), ended(30, ""), completeAt(30)),
		},
		{
			reason: "one whose Pod was deleted before it started",
			seen: contract.Observation{Stage: contract.StageEnded, Name: "run-1",
				Result: contract.Result{Verdict: contract.Error, Reason: "PodDeleted", Message: "gone"}},
			want: admittedRun(withPod, state(v1alpha1.TestRunError, "Canceled", "canceled by spec.cancel before it started"), ended(30, ""), completeAt(30)),
		},
		{
			reason: "one whose Pod is on its way and was told to end", wantLook: 80,
			seen: contract.Observation{Stage: contract.StageWaiting, Name: "run-1", StopAsked: after(20).Time, StopBy: after(80).Time, Alive: true},
			want: admittedRun(withPod, state(v1alpha1.TestRunPending, "Starting", "being canceled")),
		},
		{
			reason: "a script that was told to stop", seen: seen(contract.StageRunning), wantLook: 80,
			want: admittedRun(withPod, startedAt(5), state(v1alpha1.TestRunRunning, "Running", "being canceled: the script is stopped and may clean up")),
		},
		{
			reason: "a script that was stopped", seen: endedWith(22, contract.Error, "Terminated"),
			want: canceled("canceled by spec.cancel after 17s", 22, "17s"),
		},
		{
			reason: "a script that was stopped by a Pod's deletion that nobody has a time of", seen: unasked(endedWith(22, contract.Error, "Terminated")),
			want: canceled("canceled by spec.cancel after 17s", 22, "17s"),
		},
		{
			reason: "a script that passes while it should clean up", seen: endedWith(21, contract.Passed, "Passed"),
			want: canceled("canceled by spec.cancel after 16s", 21, "16s"),
		},
		{
			reason: "a script that runs out of memory while it should clean up", seen: endedWith(21, contract.Error, "OOMKilled"),
			want: canceled("canceled by spec.cancel after 16s", 21, "16s"),
		},
		{
			reason: "a Pod of whose end nothing is known",
			seen: seen(contract.StageEnded, func(o *contract.Observation) {
				o.Result = contract.Result{Verdict: contract.Error, Reason: "DeadlineExceeded"}
			}),
			want: canceled("canceled by spec.cancel after 25s", 30, "25s"),
		},
		{
			reason: "a Pod whose node does not answer",
			seen: seen(contract.StageEnded, func(o *contract.Observation) {
				o.Alive, o.Result = true, contract.Result{Verdict: contract.Error, Reason: "NodeLost", Message: "no word from node-1"}
			}),
			want: canceled("canceled by spec.cancel after 25s: no word from node-1", 30, "25s"),
		},
		{
			reason: "a script that had passed before", seen: endedWith(19, contract.Passed, "Passed"),
			want: admittedRun(withPod, startedAt(5), state(v1alpha1.TestRunPassed, "Passed", "own words"), ended(19, "14s"), completeAt(30)),
		},
		{
			reason: "a script that failed in the same second, and was not interrupted", seen: endedWith(20, contract.Failed, "AssertionFailed"),
			want: admittedRun(withPod, startedAt(5), state(v1alpha1.TestRunFailed, "AssertionFailed", "own words"), ended(20, "15s"), completeAt(30)),
		},
		{
			reason: "a script that had failed before anybody was asked", seen: unasked(endedWith(29, contract.Failed, "AssertionFailed")),
			want: admittedRun(withPod, startedAt(5), state(v1alpha1.TestRunFailed, "AssertionFailed", "own words"), ended(29, "24s"), completeAt(30)),
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			run := &v1alpha1.TestRun{ObjectMeta: metav1.ObjectMeta{Generation: 1}, Status: admittedRun()}
			if tc.waits {
				run.Status = v1alpha1.TestRunStatus{}
			}
			facts := TestRunFacts{Now: after(30).Time, Admitted: !tc.waits, Canceled: true, Seen: tc.seen,
				Slots: 10, StartDeadline: time.Second, Backstop: time.Second}
			got := TestRun(run, facts)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			look := TestRunDeadline(got, facts)
			if tc.wantLook == 0 && !look.IsZero() || tc.wantLook != 0 && !look.Equal(after(tc.wantLook).Time) {
				t.Errorf("next look at %s, want second %d", look, tc.wantLook)
			}
		})
	}
}
