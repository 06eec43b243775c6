/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runlog

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// WaitingFor says what keeps the script of an unfinished run from starting, as the rest of a
// sentence that begins with "Waiting for". Pod is nil as long as there is none.
func WaitingFor(run *v1alpha1.TestRun, pod *corev1.Pod) string {
	if pod == nil {
		return waitingForPod(run)
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return "a node" + because(c.Reason, c.Message)
		}
	}
	for _, name := range containersOf(pod) {
		status := containerStatus(pod, name)
		if status == nil || status.State.Waiting != nil {
			return waitingForContainer(name, status)
		}
		if name == contract.FetchContainer && status.State.Running != nil {
			return "the git clone of " + source(run.Spec.Git)
		}
	}
	return "the script to start"
}

func waitingForPod(run *v1alpha1.TestRun) string {
	switch run.Status.Reason {
	case "":
		return "the manager to pick the run up"
	case v1alpha1.ReasonQueued:
		return "its turn" + because(queued(run), run.Status.Message)
	}
	return "the Pod" + because(run.Status.Reason, run.Status.Message)
}

func queued(run *v1alpha1.TestRun) string {
	if run.Status.QueuePosition == 0 {
		return run.Status.Reason
	}
	return fmt.Sprintf("%s, position %d", run.Status.Reason, run.Status.QueuePosition)
}

func waitingForContainer(name string, status *corev1.ContainerStatus) string {
	what := "the script to start"
	if name == contract.FetchContainer {
		what = "the git clone to start"
	}
	if status == nil {
		return what
	}
	switch waiting := status.State.Waiting; waiting.Reason {
	case "", "PodInitializing", "ContainerCreating":
		return what
	default:
		return what + because(waiting.Reason, waiting.Message)
	}
}

func source(git *v1alpha1.GitSource) string {
	if git == nil {
		return "the script"
	}
	if git.Revision == "" {
		return git.URL
	}
	return git.URL + " at " + git.Revision
}

func because(reason, message string) string {
	var said []string
	for _, s := range []string{reason, message} {
		if s != "" {
			said = append(said, s)
		}
	}
	if len(said) == 0 {
		return ""
	}
	return " (" + strings.Join(said, ": ") + ")"
}
