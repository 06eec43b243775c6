/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

var runTime = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func after(seconds int) *metav1.Time {
	return &metav1.Time{Time: runTime.Add(time.Duration(seconds) * time.Second)}
}

func runCondition(kind string, status metav1.ConditionStatus, reason, message string, seconds int) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: 1, LastTransitionTime: *after(seconds)}
}

const (
	queued  = "the run waits for its turn: at most 10 runs have a slot at once, and none on an App that another one has for itself. Those of a higher priority, and older ones, go first"
	queued2 = "the run waits for its turn: at most 10 runs have a slot at once, and at most 2 in a namespace, and none on an App that another one has for itself. Those of a higher priority, and older ones, go first"
)

// queuedRun waits for a slot since the beginning of time.
func queuedRun(position int32, message string) v1alpha1.TestRunStatus {
	return v1alpha1.TestRunStatus{
		ObservedGeneration: 1, State: v1alpha1.TestRunPending, Reason: "Queued", Message: message, QueuePosition: position,
		Conditions: []metav1.Condition{
			runCondition("Admitted", metav1.ConditionFalse, "Queued", message, 0),
			runCondition("Complete", metav1.ConditionFalse, "Queued", message, 0),
		},
	}
}

// admittedRun got its slot at the beginning of time.
func admittedRun(change ...func(*v1alpha1.TestRunStatus)) v1alpha1.TestRunStatus {
	s := v1alpha1.TestRunStatus{
		ObservedGeneration: 1, State: v1alpha1.TestRunPending, Reason: "Starting",
		Conditions: []metav1.Condition{
			runCondition("Admitted", metav1.ConditionTrue, "Admitted", "the run has a slot", 0),
			runCondition("Complete", metav1.ConditionFalse, "Starting", "", 0),
		},
	}
	for _, f := range change {
		f(&s)
	}
	return s
}

func state(state v1alpha1.TestRunState, reason, message string) func(*v1alpha1.TestRunStatus) {
	return func(s *v1alpha1.TestRunStatus) {
		s.State, s.Reason, s.Message = state, reason, message
		s.Conditions[1].Reason, s.Conditions[1].Message = reason, message
	}
}

func ended(seconds int, duration string) func(*v1alpha1.TestRunStatus) {
	return func(s *v1alpha1.TestRunStatus) {
		s.CompletionTime, s.Duration = after(seconds), duration
		s.Conditions[1].Status = metav1.ConditionTrue
	}
}

// completeAt is when Complete became true.
func completeAt(seconds int) func(*v1alpha1.TestRunStatus) {
	return func(s *v1alpha1.TestRunStatus) { s.Conditions[1].LastTransitionTime = *after(seconds) }
}

func withPod(s *v1alpha1.TestRunStatus) { s.PodName = "run-1" }

func startedAt(seconds int) func(*v1alpha1.TestRunStatus) {
	return func(s *v1alpha1.TestRunStatus) { s.StartTime = after(seconds) }
}

func TestTestRunStatus(t *testing.T) {
	waiting := contract.Observation{Stage: contract.StageWaiting, Name: "run-1", Alive: true}
	pulling := waiting
	pulling.WaitingReason, pulling.WaitingMessage = "ErrImagePull", "not found"
	early, late := pulling, pulling
	early.Created, late.Created = runTime.Add(5*time.Second), runTime.Add(295*time.Second)
	unschedulable := waiting
	unschedulable.WaitingReason, unschedulable.WaitingMessage = "Unschedulable", "0/1 nodes are available"
	fetching := waiting
	fetching.WaitingReason, fetching.WaitingMessage = contract.WaitingFetching, "the git source is being fetched"
	initializing := waiting
	initializing.WaitingReason, initializing.GitCommit = "PodInitializing", "abc"
	running := contract.Observation{Stage: contract.StageRunning, Name: "run-1", Started: runTime.Add(5 * time.Second), Alive: true}
	passed := contract.Observation{Stage: contract.StageEnded, Name: "run-1", Started: runTime.Add(5 * time.Second), Ended: runTime.Add(8 * time.Second),
		GitCommit: "abc", Result: contract.Result{Verdict: contract.Passed, Reason: "Passed", Duration: 2345 * time.Millisecond}}
	failed := passed
	failed.GitCommit, failed.Result = "", contract.Result{Verdict: contract.Failed, Reason: "AssertionFailed", Message: "script.lua:3: no"}
	lost := contract.Observation{Stage: contract.StageEnded, Name: "run-1", Result: contract.Result{Verdict: contract.Error, Reason: "PodDeleted", Message: "gone"}}
	refused := &TestRunProblem{Reason: "PodCreateFailed", Message: "creating Pod run-1: exceeded quota"}
	finalStatus := admittedRun(withPod, state(v1alpha1.TestRunFailed, "TimedOut", "too slow"), ended(30, "30s"))

	for _, tc := range []struct {
		reason string
		before v1alpha1.TestRunStatus
		facts  TestRunFacts
		second int
		want   v1alpha1.TestRunStatus
		// wantLook is the second at which the run has to be looked at again; 0 for never.
		wantLook int
	}{
		{
			reason: "a new run waits for a slot", facts: TestRunFacts{Position: 7, Seen: contract.Observation{Stage: contract.StageAbsent}},
			want: queuedRun(7, queued),
		},
		{
			reason: "it waits for one of its namespace", facts: TestRunFacts{Position: 7, NamespaceSlots: 2, Seen: contract.Observation{Stage: contract.StageAbsent}},
			want: queuedRun(7, queued2),
		},
		{
			reason: "it moves on", before: queuedRun(7, queued), second: 9,
			facts: TestRunFacts{Position: 1, Seen: contract.Observation{Stage: contract.StageAbsent}},
			want:  queuedRun(1, queued),
		},
		{
			reason: "a run with a slot has no position", before: queuedRun(1, queued),
			facts:    TestRunFacts{Admitted: true, Seen: contract.Observation{Stage: contract.StageAbsent}},
			want:     admittedRun(),
			wantLook: 300,
		},
		{
			reason: "nor has one that ended while it waited", before: queuedRun(1, queued), second: 4,
			facts: TestRunFacts{Position: 1, Problem: &TestRunProblem{Reason: "Gone", Message: "no more", Final: true}},
			want: v1alpha1.TestRunStatus{
				ObservedGeneration: 1, State: "Error", Reason: "Gone", Message: "no more", CompletionTime: after(4),
				Conditions: []metav1.Condition{
					runCondition("Admitted", metav1.ConditionFalse, "Queued", queued, 0),
					runCondition("Complete", metav1.ConditionTrue, "Gone", "no more", 4),
				},
			},
		},
		{
			reason: "a run that has a slot is started", facts: TestRunFacts{Admitted: true, AppVersions: map[string]string{"web": "v1"}},
			want:     admittedRun(func(s *v1alpha1.TestRunStatus) { s.AppVersions = map[string]string{"web": "v1"} }),
			wantLook: 300,
		},
		{
			reason: "the versions at the start stay", before: admittedRun(func(s *v1alpha1.TestRunStatus) { s.AppVersions = map[string]string{"web": "v1"} }),
			facts:    TestRunFacts{Admitted: true, Seen: waiting, AppVersions: map[string]string{"web": "v2"}},
			want:     admittedRun(withPod, func(s *v1alpha1.TestRunStatus) { s.AppVersions = map[string]string{"web": "v1"} }),
			wantLook: 300,
		},
		{
			reason: "the kubelet's words are shown while the Pod waits", before: admittedRun(), second: 299,
			facts:    TestRunFacts{Admitted: true, Seen: pulling},
			want:     admittedRun(withPod, state("Pending", "Starting", "ErrImagePull: not found")),
			wantLook: 300,
		},
		{
			reason: "an image that can't be pulled ends the run at the deadline", before: admittedRun(), second: 300,
			facts: TestRunFacts{Admitted: true, Seen: pulling},
			want: admittedRun(withPod, state("Error", "ImagePullFailed", "the test did not start within 5m: ErrImagePull: not found"),
				ended(300, ""), completeAt(300)),
		},
		{
			reason: "a Pod without a node ends the run at the deadline", before: admittedRun(), second: 301,
			facts: TestRunFacts{Admitted: true, Seen: unschedulable},
			want: admittedRun(withPod, state("Error", "Unschedulable", "the test did not start within 5m: Unschedulable: 0/1 nodes are available"),
				ended(301, ""), completeAt(301)),
		},
		{
			reason: "a Pod that says nothing ends the run at the deadline", before: admittedRun(), second: 300,
			facts: TestRunFacts{Admitted: true, Seen: waiting},
			want: admittedRun(withPod, state("Error", "StartFailed", "the test did not start within 5m: the cluster gives no reason"),
				ended(300, ""), completeAt(300)),
		},
		{
			reason: "a source that is being fetched has started", before: admittedRun(), second: 400,
			facts:    TestRunFacts{Admitted: true, Seen: fetching},
			want:     admittedRun(withPod, state("Pending", "Starting", "Fetching: the git source is being fetched")),
			wantLook: 300 + 780,
		},
		{
			reason: "a script whose source is there is about to start", before: admittedRun(), second: 400,
			facts:    TestRunFacts{Admitted: true, Seen: initializing},
			want:     admittedRun(withPod, state("Pending", "Starting", ""), func(s *v1alpha1.TestRunStatus) { s.GitCommit = "abc" }),
			wantLook: 300 + 780,
		},
		{
			reason: "a refused Pod is tried again", before: admittedRun(), second: 10,
			facts:    TestRunFacts{Admitted: true, Seen: contract.Observation{Stage: contract.StageAbsent}, Problem: refused},
			want:     admittedRun(state("Pending", "Starting", refused.Message)),
			wantLook: 300,
		},
		{
			reason: "a time without a manager is not the run's fault", before: admittedRun(), second: 310,
			facts:    TestRunFacts{Admitted: true, Seen: contract.Observation{Stage: contract.StageAbsent}, Since: after(290).Time},
			want:     admittedRun(),
			wantLook: 590,
		},
		{
			reason: "a Pod that was made late has the whole time", before: admittedRun(withPod), second: 310,
			facts:    TestRunFacts{Admitted: true, Seen: late, Since: after(200).Time},
			want:     admittedRun(withPod, state("Pending", "Starting", "ErrImagePull: not found")),
			wantLook: 595,
		},
		{
			reason: "a Pod that was made early has had its time, with a manager or without", before: admittedRun(withPod), second: 310,
			facts: TestRunFacts{Admitted: true, Seen: early, Since: after(290).Time},
			want: admittedRun(withPod, state("Error", "ImagePullFailed", "the test did not start within 5m: ErrImagePull: not found"),
				ended(310, ""), completeAt(310)),
		},
		{
			reason: "a Pod that is refused to the deadline ends the run", before: admittedRun(), second: 300,
			facts: TestRunFacts{Admitted: true, Seen: contract.Observation{Stage: contract.StageAbsent}, Problem: refused},
			want: admittedRun(state("Error", "PodCreateFailed", "the test did not start within 5m: creating Pod run-1: exceeded quota"),
				ended(300, ""), completeAt(300)),
		},
		{
			reason: "a final problem ends the run at once", before: admittedRun(), second: 1,
			facts: TestRunFacts{Admitted: true, Problem: &TestRunProblem{Reason: "AppNotFound", Message: "no App", Final: true}},
			want:  admittedRun(state("Error", "AppNotFound", "no App"), ended(1, ""), completeAt(1)),
		},
		{
			reason: "the script runs", before: admittedRun(withPod), second: 6,
			facts:    TestRunFacts{Admitted: true, Seen: running},
			want:     admittedRun(withPod, startedAt(5), state("Running", "Running", "")),
			wantLook: 5 + 780,
		},
		{
			reason: "a Pod that the cluster does not end is given up", before: admittedRun(withPod, startedAt(5)), second: 5 + 780,
			facts: TestRunFacts{Admitted: true, Seen: running},
			want: admittedRun(withPod, startedAt(5),
				state("Error", "NodeLost", "Pod run-1 should have ended by 2026-01-01T12:13:05Z, and its node has reported no end"), ended(785, "13m0s"), completeAt(785)),
		},
		{
			reason: "the runner's duration is the better one", before: admittedRun(withPod), second: 9,
			facts: TestRunFacts{Admitted: true, Seen: passed},
			want: admittedRun(withPod, startedAt(5), state("Passed", "Passed", ""), ended(8, "2.3s"), completeAt(9),
				func(s *v1alpha1.TestRunStatus) { s.GitCommit = "abc" }),
		},
		{
			reason: "a failure, with the cluster's times", before: admittedRun(withPod), second: 9,
			facts: TestRunFacts{Admitted: true, Seen: failed},
			want:  admittedRun(withPod, startedAt(5), state("Failed", "AssertionFailed", "script.lua:3: no"), ended(8, "3s"), completeAt(9)),
		},
		{
			reason: "a verdict counts also after the deadline, and without a slot", before: admittedRun(withPod), second: 500,
			facts: TestRunFacts{Seen: failed, Problem: refused},
			want:  admittedRun(withPod, startedAt(5), state("Failed", "AssertionFailed", "script.lua:3: no"), ended(8, "3s"), completeAt(500)),
		},
		{
			reason: "a lost Pod", before: admittedRun(withPod, startedAt(5)), second: 20,
			facts: TestRunFacts{Admitted: true, Seen: lost},
			want:  admittedRun(withPod, startedAt(5), state("Error", "PodDeleted", "gone"), ended(20, "15s"), completeAt(20)),
		},
		{
			reason: "the first verdict stays", before: finalStatus, second: 99,
			facts: TestRunFacts{Admitted: true, Seen: passed}, want: finalStatus,
		},
		{
			reason: "a message without end is cut", before: admittedRun(), second: 1,
			facts: TestRunFacts{Admitted: true, Problem: &TestRunProblem{Reason: "StartFailed", Message: strings.Repeat("ä", 4000), Final: true}},
			want:  admittedRun(state("Error", "StartFailed", strings.Repeat("ä", 2043)+" ... (cut)"), ended(1, ""), completeAt(1)),
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			run := &v1alpha1.TestRun{ObjectMeta: metav1.ObjectMeta{Generation: 1}, Status: tc.before}
			tc.facts.Now = after(tc.second).Time
			tc.facts.Slots, tc.facts.StartDeadline, tc.facts.Backstop = 10, 5*time.Minute, 13*time.Minute
			got := TestRun(run, tc.facts)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			look := TestRunDeadline(got, tc.facts)
			if tc.wantLook == 0 && !look.IsZero() || tc.wantLook != 0 && !look.Equal(after(tc.wantLook).Time) {
				t.Errorf("next look at %s, want second %d", look, tc.wantLook)
			}
		})
	}
}

func TestTestRunEvents(t *testing.T) {
	for _, tc := range []struct {
		reason        string
		before, after v1alpha1.TestRunStatus
		want          *TestRunEvent
	}{
		{"a new run waits, which its status says", v1alpha1.TestRunStatus{}, v1alpha1.TestRunStatus{State: "Pending", Reason: "Queued"}, nil},
		{"it is being started, which its status says", v1alpha1.TestRunStatus{State: "Pending", Reason: "Queued"},
			v1alpha1.TestRunStatus{State: "Pending", Reason: "Starting"}, nil},
		{"another message is no transition", v1alpha1.TestRunStatus{State: "Pending", Reason: "Starting"},
			v1alpha1.TestRunStatus{State: "Pending", Reason: "Starting", Message: "ErrImagePull"}, nil},
		{"it runs, of which its Pod's events tell", v1alpha1.TestRunStatus{State: "Pending"},
			v1alpha1.TestRunStatus{State: "Running", Reason: "Running", PodName: "run-1"}, nil},
		{"it is tried again", v1alpha1.TestRunStatus{State: "Running"},
			v1alpha1.TestRunStatus{State: "Pending", Reason: "Starting", Message: "attempt 2 begins soon", Attempts: []v1alpha1.TestRunAttempt{{Reason: "Evicted"}}},
			&TestRunEvent{"Warning", "Evicted", "Retry", "The run is tried again: attempt 2 begins soon"}},
		{"it passes", v1alpha1.TestRunStatus{State: "Running"}, v1alpha1.TestRunStatus{State: "Passed", Reason: "Passed"},
			&TestRunEvent{"Normal", "Passed", "Finish", "The test passed"}},
		{"it fails with more words than an Event takes", v1alpha1.TestRunStatus{State: "Running"},
			v1alpha1.TestRunStatus{State: "Failed", Reason: "ScriptError", Message: strings.Repeat("x", 2000)},
			&TestRunEvent{"Warning", "ScriptError", "Finish", strings.Repeat("x", 1014) + " ... (cut)"}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, TestRunEventOf(tc.before, tc.after)); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}
