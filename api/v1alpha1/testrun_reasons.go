/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package v1alpha1

// Reasons of a TestRun, in status.reason, in its attempts and in its conditions. There are no others, and docs/testrun.md says of
// each what to do about it.
const (
	// Pending.
	ReasonQueued   = "Queued"
	ReasonStarting = "Starting"
	// Running.
	ReasonRunning = "Running"
	// Passed. The second one says that an earlier attempt could not be judged.
	ReasonPassed           = "Passed"
	ReasonPassedAfterRetry = "PassedAfterRetry"
	// Failed: the system under test did not hold.
	ReasonAssertionFailed = "AssertionFailed"
	ReasonScriptError     = "ScriptError"
	ReasonTimedOut        = "TimedOut"
	// Error: the test could not be judged, because of what it is made of.
	ReasonAppNotFound    = "AppNotFound"
	ReasonBundleInvalid  = "BundleInvalid"
	ReasonBundleTooLarge = "BundleTooLarge"
	ReasonScriptNotFound = "ScriptNotFound"
	ReasonCompileError   = "CompileError"
	ReasonSecretNotFound = "SecretNotFound"
	ReasonGitAuthFailed  = "GitAuthFailed"
	ReasonPodNameTaken   = "PodNameTaken"
	ReasonOOMKilled      = "OOMKilled"
	ReasonCanceled       = "Canceled"
	// Error: the test could not be judged, because of what it runs on. Another attempt may do better.
	ReasonAppNotReady      = "AppNotReady"
	ReasonGitCloneFailed   = "GitCloneFailed"
	ReasonImagePullFailed  = "ImagePullFailed"
	ReasonUnschedulable    = "Unschedulable"
	ReasonStartFailed      = "StartFailed"
	ReasonPodCreateFailed  = "PodCreateFailed"
	ReasonPodDeleted       = "PodDeleted"
	ReasonEvicted          = "Evicted"
	ReasonNodeLost         = "NodeLost"
	ReasonDeadlineExceeded = "DeadlineExceeded"
	ReasonTerminated       = "Terminated"
	ReasonRunnerCrashed    = "RunnerCrashed"
)

// Transient reports whether a run that ended for this reason may come to a verdict when it is tried again: nothing in the
// test, or in what it was given, caused it.
func Transient(reason string) bool {
	switch reason {
	case ReasonAppNotReady, ReasonGitCloneFailed, ReasonImagePullFailed, ReasonUnschedulable, ReasonStartFailed, ReasonPodCreateFailed,
		ReasonPodDeleted, ReasonEvicted, ReasonNodeLost, ReasonDeadlineExceeded, ReasonTerminated, ReasonRunnerCrashed:
		return true
	default:
		return false
	}
}
