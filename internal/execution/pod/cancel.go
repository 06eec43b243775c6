/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package pod

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// annotationCanceledAt on a Pod is when its run was canceled.
const annotationCanceledAt = "topas.dev/canceled-at"

// Cancel ends the Pod of a run, giving the script time to clean up, and returns what can be seen of the Pod. A Pod that may
// have a log is kept; any other is deleted.
func (e *Execution) Cancel(ctx context.Context, run *v1alpha1.TestRun) (contract.Observation, error) {
	pod, err := ownPod(ctx, e.Client, run)
	if err == nil && pod == nil {
		// The cache may not know the Pod yet, and nobody would look for it later.
		pod, err = ownPod(ctx, e.Live, run)
	}
	switch {
	case err != nil:
		return contract.Observation{}, err
	case pod == nil:
		return missing(run), nil
	case !alive(pod) || !stopAsked(pod).IsZero():
	case begun(pod):
		err = e.expire(ctx, pod)
	default:
		// The resource version makes sure that it has not begun meanwhile.
		err = e.Client.Delete(ctx, pod, client.Preconditions{UID: &pod.UID, ResourceVersion: &pod.ResourceVersion})
	}
	if client.IgnoreNotFound(err) != nil {
		return contract.Observation{}, fmt.Errorf("canceling Pod %s: %w", pod.Name, err)
	}
	return observe(pod, time.Now()), nil
}

// expire makes the kubelet end the Pod as if its time were over: with its grace period, and keeping it and its log, which
// deleting the Pod would not. The deadline is the one field with which a Pod can be ended, and may only become shorter.
func (e *Execution) expire(ctx context.Context, pod *corev1.Pod) error {
	before := pod.DeepCopy()
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[annotationCanceledAt] = time.Now().UTC().Format(time.RFC3339)
	pod.Spec.ActiveDeadlineSeconds = new(int64(1))
	return e.Client.Patch(ctx, pod, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// begun reports whether a container of the Pod was seen running.
func begun(pod *corev1.Pod) bool {
	for _, state := range []corev1.ContainerState{
		containerState(pod.Status.InitContainerStatuses, contract.FetchContainer),
		containerState(pod.Status.ContainerStatuses, contract.RunnerContainer),
	} {
		if state.Running != nil || state.Terminated != nil {
			return true
		}
	}
	return false
}

// canceled reports whether the Pod has the deadline that a cancellation gives it, and not its own.
func canceled(pod *corev1.Pod) bool { return pod.Annotations[annotationCanceledAt] != "" }

// stopAsked is when the Pod was canceled or deleted, whichever came first; zero if it was not.
func stopAsked(pod *corev1.Pod) time.Time {
	if at, err := time.Parse(time.RFC3339, pod.Annotations[annotationCanceledAt]); err == nil {
		return at
	}
	if pod.DeletionTimestamp == nil {
		return time.Time{}
	}
	return pod.DeletionTimestamp.Add(-grace(pod.DeletionGracePeriodSeconds))
}

// stopBy is when a Pod that was canceled or deleted is given up; zero if it was not. DeletionTimestamp is the end of the grace
// period.
func stopBy(pod *corev1.Pod) time.Time {
	asked := stopAsked(pod)
	switch {
	case pod.DeletionTimestamp != nil:
		return pod.DeletionTimestamp.Add(lostAfter)
	case asked.IsZero():
		return time.Time{}
	default:
		return asked.Add(grace(pod.Spec.TerminationGracePeriodSeconds) + lostAfter)
	}
}

func grace(seconds *int64) time.Duration {
	if seconds == nil {
		return 0
	}
	return time.Duration(*seconds) * time.Second
}
