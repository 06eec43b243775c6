/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestRunState is where a run stands.
// +kubebuilder:validation:Enum=Pending;Running;Passed;Failed;Error
type TestRunState string

const (
	// TestRunPending means that the run waits for a free slot, or for its Pod to start.
	TestRunPending TestRunState = "Pending"
	// TestRunRunning means that the script runs.
	TestRunRunning TestRunState = "Running"
	// TestRunPassed means that the script ran to its end without an error.
	TestRunPassed TestRunState = "Passed"
	// TestRunFailed means that the test ran and the system under test did not hold.
	TestRunFailed TestRunState = "Failed"
	// TestRunError means that the test could not be judged.
	TestRunError TestRunState = "Error"
)

// Finished reports whether the state is final.
func (s TestRunState) Finished() bool {
	return s == TestRunPassed || s == TestRunFailed || s == TestRunError
}

// TestRunStatus is what became of the run.
type TestRunStatus struct {
	// observedGeneration is the generation of the spec that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// state is Pending, Running, Passed, Failed or Error.
	// +optional
	State TestRunState `json:"state,omitempty"`

	// reason is one CamelCase word for the state, such as AssertionFailed or AppNotFound.
	// +optional
	Reason string `json:"reason,omitempty"`

	// message is the first failure, with file and line where there is one.
	// +optional
	Message string `json:"message,omitempty"`

	// queuePosition is the place among all runs that wait for a slot: 1 goes next. It follows the queue every few
	// seconds for the first runs, and now and then for those behind.
	// +optional
	QueuePosition int32 `json:"queuePosition,omitempty"`

	// startTime is when the script was started.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// completionTime is when the verdict was there.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// duration is the time from startTime to completionTime, as a Go duration such as "12.3s".
	// +optional
	Duration string `json:"duration,omitempty"`

	// podName is the Pod in which the script runs, in the namespace of the run: that of the last attempt.
	// +optional
	PodName string `json:"podName,omitempty"`

	// gitCommit is the full SHA that git.revision was resolved to.
	// +optional
	GitCommit string `json:"gitCommit,omitempty"`

	// appVersions are the versions of the App's services when the run was started: service -> version.
	// +optional
	AppVersions map[string]string `json:"appVersions,omitempty"`

	// appName is the App that the script works on, when that is not spec.appName: the copy that a run with the isolation
	// Ephemeral has.
	// +optional
	AppName string `json:"appName,omitempty"`

	// attempts are those that have ended, the first one first; none while there was only one. Each keeps its Pod and log until the
	// run is deleted.
	// +optional
	// +listType=map
	// +listMapKey=attempt
	Attempts []TestRunAttempt `json:"attempts,omitempty"`

	// cases count the test cases of the last attempt.
	// +optional
	Cases *TestRunCases `json:"cases,omitempty"`

	// caseResults are the test cases of the last attempt that have ended, in their order: the first 100, and of those after them
	// the failed ones as long as there is room.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=200
	CaseResults []TestRunCase `json:"caseResults,omitempty"`

	// caseResultsOmitted is how many test cases have ended and are not among caseResults.
	// +optional
	CaseResultsOmitted int32 `json:"caseResultsOmitted,omitempty"`

	// conditions are Admitted and Complete.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Attempt is the number of the attempt that is under way, or of the last one if the run has ended.
func (s *TestRunStatus) Attempt() int {
	if s.State.Finished() {
		return max(len(s.Attempts), 1)
	}
	return len(s.Attempts) + 1
}

// TestRunAttempt is one attempt of a run that has ended.
type TestRunAttempt struct {
	// attempt is its number, from 1.
	Attempt int32 `json:"attempt"`

	// state, reason and message are what it ended as.
	State TestRunState `json:"state"`
	// +optional
	Reason string `json:"reason,omitempty"`
	// +optional
	Message string `json:"message,omitempty"`

	// podName is the Pod that it ran in; empty if it came to none.
	// +optional
	PodName string `json:"podName,omitempty"`

	// startTime is when the script was started; not there if it never was.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// completionTime is when the attempt ended.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
}

// TestRunCases count test cases.
type TestRunCases struct {
	// total is how many have ended.
	Total int32 `json:"total"`
	// passed, failed and skipped are how many ended as that.
	Passed  int32 `json:"passed"`
	Failed  int32 `json:"failed"`
	Skipped int32 `json:"skipped"`
}

// TestRunCase is a test case that has ended.
type TestRunCase struct {
	// name of the case, with those of the cases around it before it: "checkout/creates order".
	Name string `json:"name"`

	// state is Passed, Failed or Skipped.
	State TestRunCaseState `json:"state"`

	// message is the failure with file and line, or why the case was skipped.
	// +optional
	Message string `json:"message,omitempty"`

	// duration is how long it took, as a Go duration such as "412ms".
	// +optional
	Duration string `json:"duration,omitempty"`
}

// TestRunCaseState is what a test case ended as.
// +kubebuilder:validation:Enum=Passed;Failed;Skipped
type TestRunCaseState string

// The states of a test case.
const (
	CasePassed  TestRunCaseState = "Passed"
	CaseFailed  TestRunCaseState = "Failed"
	CaseSkipped TestRunCaseState = "Skipped"
)
