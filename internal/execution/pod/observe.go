/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package pod

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// lostAfter is how long after the end of its grace period a Pod that was deleted or canceled may still be alive. The
// kubelet ends it at once, so when it is not ended the node doesn't answer.
const lostAfter = 30 * time.Second

// deadlineExceeded is the kubelet's reason for ending a Pod at its activeDeadlineSeconds.
const deadlineExceeded = "DeadlineExceeded"

// observe says how far the run has come that the Pod carries out.
func observe(pod *corev1.Pod, now time.Time) contract.Observation {
	seen := contract.Observation{
		Stage:     contract.StageWaiting,
		Name:      pod.Name,
		Created:   pod.CreationTimestamp.Time,
		GitCommit: fetchedCommit(pod),
		Alive:     alive(pod),
		StopAsked: stopAsked(pod),
		StopBy:    stopBy(pod),
	}
	runner := containerState(pod.Status.ContainerStatuses, contract.RunnerContainer)
	if runner.Running != nil {
		seen.Stage, seen.Started = contract.StageRunning, runner.Running.StartedAt.Time
	}
	if runner.Terminated != nil && !runner.Terminated.StartedAt.Before(&pod.CreationTimestamp) {
		// A container that could not be started has a start in 1970.
		seen.Started = runner.Terminated.StartedAt.Time
	}
	if result, ended, ok := verdict(pod, now); ok {
		seen.Stage, seen.Result, seen.Ended = contract.StageEnded, result, ended
		return seen
	}
	if seen.Stage == contract.StageWaiting {
		seen.WaitingReason, seen.WaitingMessage = waitingFor(pod)
	}
	return seen
}

// alive reports whether a container of the Pod runs or may still be started. The kubelet gives a Pod its final phase
// only when no container is left, and the runner's is the last.
func alive(pod *corev1.Pod) bool {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return false
	}
	fetch := containerState(pod.Status.InitContainerStatuses, contract.FetchContainer)
	if fetch.Terminated != nil && fetch.Terminated.ExitCode != 0 {
		return false
	}
	return containerState(pod.Status.ContainerStatuses, contract.RunnerContainer).Terminated == nil
}

// missing is what there is to see when there is no Pod.
func missing(run *v1alpha1.TestRun) contract.Observation {
	if run.Status.PodName == "" {
		return contract.Observation{Stage: contract.StageAbsent}
	}
	return contract.Observation{
		Stage: contract.StageEnded,
		Name:  run.Status.PodName,
		Result: contract.Result{Verdict: contract.Error, Reason: v1alpha1.ReasonPodDeleted,
			Message: fmt.Sprintf("Pod %s is gone: it was deleted before its verdict could be read", run.Status.PodName)},
	}
}

// verdict returns what became of the run and when, as soon as that is certain.
func verdict(pod *corev1.Pod, now time.Time) (contract.Result, time.Time, bool) {
	runner := containerState(pod.Status.ContainerStatuses, contract.RunnerContainer)
	fetch := containerState(pod.Status.InitContainerStatuses, contract.FetchContainer)
	switch {
	case runner.Terminated != nil && !unknown(runner.Terminated):
		return endedByCluster(pod, runner.Terminated, runnerResult(runner.Terminated)), runner.Terminated.FinishedAt.Time, true
	case fetch.Terminated != nil && fetch.Terminated.ExitCode != 0:
		return endedByCluster(pod, fetch.Terminated, fetchResult(fetch.Terminated)), fetch.Terminated.FinishedAt.Time, true
	case pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed:
		return endedUnseen(pod), time.Time{}, true
	case abandoned(pod, now):
		return lost(fmt.Sprintf("Pod %s was told to end, and its node %s does not say that it has stopped", pod.Name, pod.Spec.NodeName)), time.Time{}, true
	default:
		return contract.Result{}, time.Time{}, false
	}
}

// unknown recognises the state that the kubelet makes up for a container of which it knows nothing.
func unknown(t *corev1.ContainerStateTerminated) bool {
	return t.Reason == "ContainerStatusUnknown"
}

// endedByCluster puts the cluster's reason in the place of the one that the container itself could give: a container
// that is stopped knows only that it was stopped.
func endedByCluster(pod *corev1.Pod, t *corev1.ContainerStateTerminated, own contract.Result) contract.Result {
	if t.ExitCode == contract.ExitPassed {
		return own
	}
	if t.Reason == "OOMKilled" {
		if own.Reason == v1alpha1.ReasonTerminated {
			own.Message = "" // that it was killed goes without saying
		}
		return contract.Result{
			Verdict: contract.Error, Reason: v1alpha1.ReasonOOMKilled, Duration: own.Duration,
			Message: withDetail("the test needed more memory than its container may use", own.Message),
		}
	}
	if own.Reason != v1alpha1.ReasonTerminated || canceled(pod) {
		return own
	}
	if result, ok := stoppedByCluster(pod, t); ok {
		result.Duration = own.Duration
		return result
	}
	return own
}

// stoppedByCluster says why the cluster stopped a container that ran.
func stoppedByCluster(pod *corev1.Pod, t *corev1.ContainerStateTerminated) (contract.Result, bool) {
	if pod.Status.Reason == deadlineExceeded || outlived(pod, t.FinishedAt.Time) {
		if containerState(pod.Status.ContainerStatuses, contract.RunnerContainer).Terminated == nil {
			return neverRan(pod), true
		}
		return contract.Result{
			Verdict: contract.Failed, Reason: v1alpha1.ReasonTimedOut,
			Message: withDetail("the test did not end by itself when its time was over, and was stopped", pod.Status.Message),
		}, true
	}
	return evicted(pod)
}

// outlived reports whether the Pod's time was over at the given time. The container's end can be seen before the Pod's
// reason can.
func outlived(pod *corev1.Pod, t time.Time) bool {
	if pod.Status.StartTime == nil || pod.Spec.ActiveDeadlineSeconds == nil {
		return false
	}
	return !t.Before(pod.Status.StartTime.Add(time.Duration(*pod.Spec.ActiveDeadlineSeconds) * time.Second))
}

// endedUnseen is the verdict on a Pod that is over and whose runner left no exit code.
func endedUnseen(pod *corev1.Pod) contract.Result {
	if pod.Status.Reason == deadlineExceeded {
		return neverRan(pod)
	}
	if result, ok := evicted(pod); ok {
		return result
	}
	if pod.DeletionTimestamp != nil {
		return contract.Result{Verdict: contract.Error, Reason: v1alpha1.ReasonPodDeleted,
			Message: fmt.Sprintf("Pod %s was deleted before its verdict could be read", pod.Name)}
	}
	return lost(withDetail(fmt.Sprintf("Pod %s has ended and nothing is known of its runner", pod.Name),
		joined(pod.Status.Reason, pod.Status.Message)))
}

func neverRan(pod *corev1.Pod) contract.Result {
	return contract.Result{
		Verdict: contract.Error, Reason: v1alpha1.ReasonDeadlineExceeded,
		Message: withDetail("the script had not started when the time of its Pod was over", pod.Status.Message),
	}
}

// evicted finds out whether the cluster took the node away from the Pod:
// https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
func evicted(pod *corev1.Pod) (contract.Result, bool) {
	detail := ""
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue {
			detail = joined(c.Reason, c.Message)
		}
	}
	if pod.Status.Reason == "Evicted" || pod.Status.Reason == "Preempting" {
		detail = cmp.Or(pod.Status.Message, detail, pod.Status.Reason)
	}
	if detail == "" {
		return contract.Result{}, false
	}
	return contract.Result{
		Verdict: contract.Error, Reason: v1alpha1.ReasonEvicted,
		Message: withDetail(fmt.Sprintf("Pod %s was evicted from node %s", pod.Name, pod.Spec.NodeName), detail),
	}, true
}

// abandoned reports whether the Pod was to have ended a while ago.
func abandoned(pod *corev1.Pod, now time.Time) bool {
	end := stopBy(pod)
	return !end.IsZero() && now.After(end)
}

func lost(message string) contract.Result {
	return contract.Result{Verdict: contract.Error, Reason: v1alpha1.ReasonNodeLost, Message: message}
}

// waitingFor says why the script has not started, in the cluster's words.
func waitingFor(pod *corev1.Pod) (reason, message string) {
	fetch := containerState(pod.Status.InitContainerStatuses, contract.FetchContainer)
	runner := containerState(pod.Status.ContainerStatuses, contract.RunnerContainer)
	switch {
	case fetch.Running != nil:
		return contract.WaitingFetching, "the git source is being fetched"
	case fetch.Waiting != nil:
		return fetch.Waiting.Reason, fetch.Waiting.Message
	case runner.Waiting != nil:
		return runner.Waiting.Reason, runner.Waiting.Message
	}
	scheduled := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse
	})
	if scheduled >= 0 {
		return pod.Status.Conditions[scheduled].Reason, pod.Status.Conditions[scheduled].Message
	}
	return pod.Status.Reason, pod.Status.Message
}

func containerState(statuses []corev1.ContainerStatus, name string) corev1.ContainerState {
	for _, s := range statuses {
		if s.Name == name {
			return s.State
		}
	}
	return corev1.ContainerState{}
}

func joined(reason, message string) string {
	if reason == "" || message == "" {
		return reason + message
	}
	return reason + ": " + message
}

func withDetail(message, detail string) string {
	if detail == "" {
		return message
	}
	return message + ": " + detail
}
