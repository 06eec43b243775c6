/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package pod

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// Exit codes of a process that a signal ended: 128 and the number of the signal.
const (
	exitKilled     = 128 + 9
	exitTerminated = 128 + 15
)

// exitUnheard is how a Go program ends as the first process of a container when it is told to stop before it listens to signals:
// the signal does not end it, so that it leaves with this, without a word. A panic leaves the same code, and its words.
const exitUnheard = 2

// runnerResult is the verdict of the runner container itself.
func runnerResult(t *corev1.ContainerStateTerminated) contract.Result {
	result, err := contract.DecodeResult([]byte(t.Message))
	if err == nil && result.Verdict.ExitCode() == int(t.ExitCode) {
		return result
	}
	// The runner was stopped between writing the result and leaving, or had no time to write one: the exit code counts.
	detail := t.Message
	if err == nil {
		detail = result.Message
	}
	if r, ok := stopped(t, detail); ok {
		return r
	}
	verdict := contract.VerdictOf(int(t.ExitCode))
	if verdict == contract.Passed {
		return contract.Result{Verdict: verdict, Reason: v1alpha1.ReasonPassed}
	}
	reason := v1alpha1.ReasonRunnerCrashed
	if verdict == contract.Failed {
		reason = v1alpha1.ReasonScriptError
	}
	return contract.Result{Verdict: verdict, Reason: reason,
		Message: withDetail(fmt.Sprintf("the runner exited with %d and left no result", t.ExitCode), joined(t.Reason, detail))}
}

// fetchResult is the verdict of a fetch container that did not succeed.
func fetchResult(t *corev1.ContainerStateTerminated) contract.Result {
	if result, err := contract.DecodeResult([]byte(t.Message)); err == nil && result.Verdict != contract.Passed {
		return result
	}
	if r, ok := stopped(t, t.Message); ok {
		return r
	}
	return contract.Result{Verdict: contract.Error, Reason: v1alpha1.ReasonGitCloneFailed,
		Message: withDetail(fmt.Sprintf("fetching the git source ended with exit code %d", t.ExitCode), joined(t.Reason, t.Message))}
}

// stopped is the verdict on a container that was never started or that a signal ended.
func stopped(t *corev1.ContainerStateTerminated, detail string) (contract.Result, bool) {
	if t.Reason == "StartError" {
		return contract.Result{Verdict: contract.Error, Reason: v1alpha1.ReasonStartFailed,
			Message: withDetail("the container could not be started", detail)}, true
	}
	if t.ExitCode != exitKilled && t.ExitCode != exitTerminated && (t.ExitCode != exitUnheard || t.Message != "") {
		return contract.Result{}, false
	}
	return contract.Result{Verdict: contract.Error, Reason: v1alpha1.ReasonTerminated,
		Message: withDetail(fmt.Sprintf("the test was stopped from outside before it ended (exit code %d)", t.ExitCode), detail)}, true
}

// fetchedCommit is the commit that the fetch container has checked out; empty while there is none.
func fetchedCommit(pod *corev1.Pod) string {
	t := containerState(pod.Status.InitContainerStatuses, contract.FetchContainer).Terminated
	if t == nil || t.ExitCode != 0 {
		return ""
	}
	result, err := contract.DecodeResult([]byte(t.Message))
	if err != nil {
		return ""
	}
	return result.GitCommit
}
