/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// maxTestRunMessage is how many bytes of a message a status keeps. The runner's own messages are shorter; the cluster's
// need not be.
const maxTestRunMessage = 4096

// TestRunFacts is what was seen of a run.
type TestRunFacts struct {
	Now time.Time
	// Admitted is true when the run has a slot, of which there are Slots, and NamespaceSlots for each namespace if that is
	// not 0. Position is its place among those that wait.
	Admitted       bool
	Slots          int
	NamespaceSlots int
	Position       int
	// Isolation says with whom the run shares its App.
	Isolation v1alpha1.Isolation
	// Canceled is true when the run is to be ended.
	Canceled bool
	// Retries is how many more attempts the run may have than one.
	Retries int
	// AppName is the App that the run works on, if it is a copy.
	AppName string
	// Seen is the execution of the attempt that is under way.
	Seen contract.Observation
	// Problem is what keeps the run from being started, if anything.
	Problem *TestRunProblem
	// AppVersions are the versions of the App's services when the run was started; nil if it was not started just now.
	AppVersions map[string]string
	// Since is when this manager began to look after runs. Until then nobody could start one.
	Since time.Time
	// StartDeadline is how long a run with a slot may take to start, and Backstop how long one may run before it is given
	// up, because the cluster has not ended it.
	StartDeadline time.Duration
	Backstop      time.Duration
}

// TestRunProblem keeps a run from being started.
type TestRunProblem struct {
	// Reason is one of the API's reasons of a TestRun.
	Reason  string
	Message string
	// Final is true when the problem ends the run. Any other may pass until the start deadline.
	Final bool
}

// TestRun returns the status of a run of which this was seen. A run that has ended keeps its status: the first verdict
// counts.
func TestRun(run *v1alpha1.TestRun, facts TestRunFacts) v1alpha1.TestRunStatus {
	s := *run.Status.DeepCopy()
	if s.State.Finished() {
		return s
	}
	attempt := s.Attempt()
	s.ObservedGeneration = run.Generation
	recordExecution(&s, facts)
	setAdmitted(&s, facts)
	s.State, s.Reason, s.Message = testRunState(&s, facts)
	s.QueuePosition = 0
	if s.Reason == v1alpha1.ReasonQueued {
		s.QueuePosition = int32(facts.Position)
	}
	s.Message = cutText(s.Message, maxTestRunMessage)
	if s.State.Finished() {
		closeAttempt(&s, facts, attempt)
	}
	if s.State.Finished() {
		finish(&s, facts)
	}
	setComplete(&s, facts.Now)
	return s
}

// TestRunDeadline is when the run has to be looked at again although nothing of it changes; zero if never.
func TestRunDeadline(s v1alpha1.TestRunStatus, facts TestRunFacts) time.Time {
	switch {
	case s.State.Finished() || !facts.Admitted:
		return time.Time{}
	case s.State == v1alpha1.TestRunRunning:
		return stopBy(backstop(&s, facts), facts)
	case facts.Now.Before(TestRunRetryTime(s)):
		return TestRunRetryTime(s)
	default:
		return stopBy(startDeadline(&s, facts), facts)
	}
}

// stopBy is the deadline, or the earlier one of an execution that was asked to end. A run that is being canceled has no other.
func stopBy(deadline time.Time, facts TestRunFacts) time.Time {
	if by := facts.Seen.StopBy; !by.IsZero() && (facts.Canceled || by.Before(deadline)) {
		return by
	}
	return deadline
}

// TestRunDuration is how long the script ran; zero if it never started.
func TestRunDuration(s v1alpha1.TestRunStatus) time.Duration {
	took, err := time.ParseDuration(s.Duration)
	if err != nil {
		return 0
	}
	return took
}

// TestRunAdmission is when the run got its slot; zero if it has none.
func TestRunAdmission(s v1alpha1.TestRunStatus) time.Time {
	c := meta.FindStatusCondition(s.Conditions, v1alpha1.TestRunConditionAdmitted)
	if c == nil || c.Status != metav1.ConditionTrue {
		return time.Time{}
	}
	return c.LastTransitionTime.Time
}

func recordExecution(s *v1alpha1.TestRunStatus, facts TestRunFacts) {
	s.PodName = cmp.Or(s.PodName, facts.Seen.Name)
	s.AppName = cmp.Or(s.AppName, facts.AppName)
	s.GitCommit = cmp.Or(s.GitCommit, facts.Seen.GitCommit)
	if s.AppVersions == nil {
		s.AppVersions = facts.AppVersions
	}
	if s.StartTime == nil && !facts.Seen.Started.IsZero() {
		s.StartTime = &metav1.Time{Time: facts.Seen.Started}
	}
}

// testRunState decides. What has ended has a verdict, whatever else is the matter with it.
func testRunState(s *v1alpha1.TestRunStatus, facts TestRunFacts) (v1alpha1.TestRunState, string, string) {
	switch {
	case facts.Canceled && endsAsCanceled(facts.Seen):
		return v1alpha1.TestRunError, v1alpha1.ReasonCanceled, canceledMessage(s, facts)
	case facts.Seen.Stage == contract.StageEnded:
		return verdict(s, facts.Seen.Result)
	case facts.Canceled:
		return cancelingState(facts)
	case facts.Problem != nil && facts.Problem.Final:
		return v1alpha1.TestRunError, facts.Problem.Reason, facts.Problem.Message
	case facts.Seen.Stage == contract.StageRunning:
		return runningState(s, facts)
	case !facts.Admitted:
		return v1alpha1.TestRunPending, v1alpha1.ReasonQueued, waitsForSlot(facts)
	default:
		return startingState(s, facts)
	}
}

func verdict(s *v1alpha1.TestRunStatus, result contract.Result) (v1alpha1.TestRunState, string, string) {
	if cases := result.Cases; cases != nil {
		s.Cases = &v1alpha1.TestRunCases{
			Total: int32(cases.Total), Passed: int32(cases.Passed), Failed: int32(cases.Failed), Skipped: int32(cases.Skipped),
		}
	}
	if result.Verdict == contract.Passed && len(s.Attempts) > 0 {
		return v1alpha1.TestRunPassed, v1alpha1.ReasonPassedAfterRetry, result.Message
	}
	return v1alpha1.TestRunState(result.Verdict), cmp.Or(result.Reason, string(result.Verdict)), result.Message
}

func runningState(s *v1alpha1.TestRunStatus, facts TestRunFacts) (v1alpha1.TestRunState, string, string) {
	if end := backstop(s, facts); !facts.Now.Before(end) {
		return v1alpha1.TestRunError, v1alpha1.ReasonNodeLost, fmt.Sprintf(
			"Pod %s should have ended by %s, and its node has reported no end", s.PodName, end.UTC().Format(time.RFC3339))
	}
	return v1alpha1.TestRunRunning, v1alpha1.ReasonRunning, ""
}

func startingState(s *v1alpha1.TestRunStatus, facts TestRunFacts) (v1alpha1.TestRunState, string, string) {
	reason, words := v1alpha1.ReasonStartFailed, facts.Seen.WaitingReason
	if facts.Seen.WaitingMessage != "" {
		words = strings.TrimPrefix(facts.Seen.WaitingReason+": "+facts.Seen.WaitingMessage, ": ")
	}
	switch {
	case slices.Contains(imagePullReasons, facts.Seen.WaitingReason):
		reason = v1alpha1.ReasonImagePullFailed
	case facts.Seen.WaitingReason == corev1.PodReasonUnschedulable:
		reason = v1alpha1.ReasonUnschedulable
	}
	if facts.Problem != nil {
		reason, words = facts.Problem.Reason, facts.Problem.Message
	}
	if facts.Now.Before(startDeadline(s, facts)) {
		if slices.Contains(passingReasons, words) {
			words = "" // not worth a write for the second that it is true
		}
		if words == "" && len(s.Attempts) > 0 && facts.Seen.Stage == contract.StageAbsent {
			words = awaitsRetry(s, facts)
		}
		return v1alpha1.TestRunPending, v1alpha1.ReasonStarting, words
	}
	return v1alpha1.TestRunError, reason, fmt.Sprintf("the test did not start within %s: %s",
		shortDuration(facts.StartDeadline), cmp.Or(words, "the cluster gives no reason"))
}

// startDeadline counts from the making of the Pod. Where there is none it counts from the admission, which bounds a Pod that
// can't be created, or from the beginning of this manager: a time without one is not the run's fault. A Pod that fetches its
// source, or has done so, has started: the cluster ends it in its time.
func startDeadline(s *v1alpha1.TestRunStatus, facts TestRunFacts) time.Time {
	begun, allowed := facts.Now, facts.StartDeadline
	if admitted := TestRunAdmission(*s); !admitted.IsZero() {
		begun = admitted
	}
	if again := TestRunRetryTime(*s); !again.IsZero() {
		begun = again
	}
	switch made := facts.Seen.Created; {
	case made.After(begun):
		begun = made
	case made.IsZero() && facts.Since.After(begun):
		begun = facts.Since
	}
	if facts.Seen.WaitingReason == contract.WaitingFetching || s.GitCommit != "" {
		allowed += facts.Backstop
	}
	return begun.Add(allowed)
}

func backstop(s *v1alpha1.TestRunStatus, facts TestRunFacts) time.Time {
	if s.StartTime == nil {
		return facts.Now.Add(facts.Backstop)
	}
	return s.StartTime.Add(facts.Backstop)
}

func finish(s *v1alpha1.TestRunStatus, facts TestRunFacts) {
	s.CompletionTime = &metav1.Time{Time: endOf(facts)}
	if s.StartTime != nil {
		s.Duration = scriptDuration(s, facts)
	}
}

func endOf(facts TestRunFacts) time.Time {
	if facts.Seen.Ended.IsZero() {
		return facts.Now
	}
	return facts.Seen.Ended
}

// scriptDuration is how long the script of a run that has started ran. The kubelet's times are whole seconds; the runner
// knows better.
func scriptDuration(s *v1alpha1.TestRunStatus, facts TestRunFacts) string {
	took := cmp.Or(facts.Seen.Result.Duration, max(endOf(facts).Sub(s.StartTime.Time), 0))
	return took.Round(100 * time.Millisecond).String()
}

// shortDuration is "5m" rather than "5m0s".
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
