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

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// problem says why a part is not ready. Its reason is one of the API's; "" is no problem.
type problem struct {
	reason  string
	message string
}

// workloadProblem says why the workload is not ready, in the words of the cluster.
func workloadProblem(w Workload) problem {
	if w.Ready() {
		return problem{}
	}
	if w.Refused != "" {
		return problem{v1alpha1.AppReasonApplyFailed, w.Refused}
	}
	if w.Deployment == nil {
		return problem{v1alpha1.AppReasonRollingOut, "not created yet"}
	}
	if p := podsProblem(w.Pods); p.reason != "" {
		return p
	}
	for _, c := range w.Deployment.Status.Conditions {
		// The Pods could not even be created, because of a quota or the Pod Security Standard.
		if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
			return refusedPods(c.Message)
		}
	}
	message := fmt.Sprintf("%d of %d replicas ready", w.readyReplicas(), w.desiredReplicas())
	if asked := unanswered(w.Pods); asked != "" {
		message += ", " + asked
	}
	if n := w.ending(); n > 0 {
		message += fmt.Sprintf(", Pods that still end: %d", n)
	}
	for _, c := range w.Deployment.Status.Conditions {
		if c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse {
			return problem{v1alpha1.AppReasonReplicasUnavailable, message + ": " + c.Message}
		}
	}
	return problem{v1alpha1.AppReasonRollingOut, message}
}

// refusedPods is what the API server said when Pods were to be made.
func refusedPods(message string) problem {
	if strings.Contains(message, "exceeded quota") {
		return problem{v1alpha1.AppReasonQuotaExceeded, message}
	}
	return problem{v1alpha1.AppReasonServiceNotReady, message}
}

// unanswered names the readiness probe that a running container does not pass, "" if there is none.
func unanswered(pods []corev1.Pod) string {
	for _, pod := range pods {
		for _, c := range pod.Status.ContainerStatuses {
			if pod.DeletionTimestamp != nil || c.Ready || c.State.Running == nil {
				continue
			}
			for _, spec := range pod.Spec.Containers {
				if spec.Name == c.Name && spec.ReadinessProbe != nil {
					return fmt.Sprintf("Pod %s runs and has not passed its readiness probe (%s)", pod.Name, probe(spec.ReadinessProbe))
				}
			}
		}
	}
	return ""
}

func probe(p *corev1.Probe) string {
	switch {
	case p.HTTPGet != nil:
		return fmt.Sprintf("GET %s on port %s", p.HTTPGet.Path, p.HTTPGet.Port.String())
	case p.GRPC != nil:
		return fmt.Sprintf("gRPC health check on port %d", p.GRPC.Port)
	case p.TCPSocket != nil:
		return "TCP connection to port " + p.TCPSocket.Port.String()
	default:
		return "a command in the container"
	}
}

// podsProblem returns the gravest problem of the Pods.
func podsProblem(pods []corev1.Pod) problem {
	var found []problem
	for i := range pods {
		if pods[i].DeletionTimestamp != nil {
			continue
		}
		if p := podProblem(&pods[i]); p.reason != "" {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		return problem{}
	}
	return slices.MinFunc(found, func(a, b problem) int {
		if d := gravity(a.reason) - gravity(b.reason); d != 0 {
			return d
		}
		return strings.Compare(a.message, b.message)
	})
}

func podProblem(pod *corev1.Pod) problem {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return problem{v1alpha1.AppReasonUnschedulable, c.Message}
		}
	}
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if p := containerProblem(c); p.reason != "" {
			return p
		}
	}
	return problem{}
}

func containerProblem(c corev1.ContainerStatus) problem {
	waiting := cmp.Or(c.State.Waiting, &corev1.ContainerStateWaiting{})
	switch {
	case slices.Contains(imagePullReasons, waiting.Reason):
		return problem{v1alpha1.AppReasonImagePull, fmt.Sprintf("can't pull image %q: %s", c.Image, words(waiting))}
	case !slices.Contains(passingReasons, waiting.Reason):
		// CreateContainerConfigError and its like, such as an image that wants to run as root.
		return problem{v1alpha1.AppReasonServiceNotReady, words(waiting)}
	}
	if ended := lastCrash(c); ended != nil {
		return crash(c, ended)
	}
	return problem{}
}

// lastCrash is the last end of a container that was restarted and is not ready since. It counts between one back-off and the
// next too, or the reason would change with every try.
func lastCrash(c corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	switch {
	case c.Ready || c.RestartCount == 0:
		return nil
	case c.State.Terminated != nil:
		return c.State.Terminated
	default:
		return c.LastTerminationState.Terminated
	}
}

func crash(c corev1.ContainerStatus, last *corev1.ContainerStateTerminated) problem {
	message := fmt.Sprintf("container %q ended with exit code %d (%s), restarted %d times",
		c.Name, last.ExitCode, last.Reason, c.RestartCount)
	if said := lastLines(last.Message); said != "" {
		message += ", its last lines: " + said
	}
	return problem{v1alpha1.AppReasonCrashLoop, message}
}

func words(w *corev1.ContainerStateWaiting) string {
	if w.Message == "" {
		return w.Reason
	}
	return w.Reason + ": " + w.Message
}

// schemaProblem says why the database has no schema yet, in the words of psql.
func schemaProblem(s *SchemaObservation) problem {
	switch {
	case s == nil || s.Applied():
		return problem{}
	case s.Failed():
		return problem{v1alpha1.AppReasonSchemaFailed, lastError(s)}
	case s.Job == nil:
		return problem{v1alpha1.AppReasonSchemaPending, "the schema waits for the database"}
	}
	if p := podsProblem(s.Pods); p.reason != "" {
		return problem{v1alpha1.AppReasonSchemaPending, "the schema can't be applied: " + p.message}
	}
	if text := psqlError(s.Pods); text != "" {
		return problem{v1alpha1.AppReasonSchemaPending, "the schema is tried again: " + text}
	}
	return problem{v1alpha1.AppReasonSchemaPending, "the schema is being applied"}
}

func lastError(s *SchemaObservation) string {
	if text := psqlError(s.Pods); text != "" {
		return text
	}
	for _, c := range s.Job.Status.Conditions {
		if c.Type == "Failed" && c.Message != "" {
			return c.Message
		}
	}
	return "the Job " + s.Job.Name + " failed"
}

// psqlError is what psql printed in the last Pod in which it failed.
func psqlError(pods []corev1.Pod) string {
	var last *corev1.ContainerStateTerminated
	for _, pod := range pods {
		for _, c := range pod.Status.ContainerStatuses {
			ended := c.State.Terminated
			if ended == nil || ended.ExitCode == 0 || (last != nil && !ended.FinishedAt.After(last.FinishedAt.Time)) {
				continue
			}
			last = ended
		}
	}
	if last == nil {
		return ""
	}
	if text := strings.TrimSpace(last.Message); text != "" {
		return text
	}
	return fmt.Sprintf("psql ended with exit code %d (%s)", last.ExitCode, last.Reason)
}
