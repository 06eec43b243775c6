/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runlog

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// pods are the Pods of a run by the number of their attempt.
type pods map[int32]*corev1.Pod

// listPods asks the cluster for the Pods of the run.
func listPods(ctx context.Context, c client.Client, run *v1alpha1.TestRun) (pods, error) {
	var list corev1.PodList
	if err := c.List(ctx, &list, &client.ListOptions{Namespace: run.Namespace, LabelSelector: podSelector(run)}); err != nil {
		return nil, err
	}
	all := pods{}
	for i := range list.Items {
		all.add(&list.Items[i], run)
	}
	return all, nil
}

// add leaves out the Pods of a deleted run of the same name.
func (p pods) add(pod *corev1.Pod, run *v1alpha1.TestRun) {
	suffix, ok := strings.CutPrefix(pod.Name, run.Name+"-")
	attempt, err := strconv.ParseInt(suffix, 10, 32)
	if ok && err == nil && metav1.IsControlledBy(pod, run) {
		p[int32(attempt)] = pod
	}
}

// newest returns the Pod of the last attempt that has one, or nil.
func (p pods) newest() *corev1.Pod {
	if len(p) == 0 {
		return nil
	}
	return p[slices.Max(slices.Collect(maps.Keys(p)))]
}

// containersOf are the containers whose logs make up the log of the run, in order.
func containersOf(pod *corev1.Pod) []string {
	for _, c := range pod.Spec.InitContainers {
		if c.Name == contract.FetchContainer {
			return []string{contract.FetchContainer, contract.RunnerContainer}
		}
	}
	return []string{contract.RunnerContainer}
}

// containerStatus returns nil as long as the kubelet has said nothing about the container.
func containerStatus(pod *corev1.Pod, name string) *corev1.ContainerStatus {
	for _, statuses := range [][]corev1.ContainerStatus{pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses} {
		for i := range statuses {
			if statuses[i].Name == name {
				return &statuses[i]
			}
		}
	}
	return nil
}

// hasStarted reports whether the container has a log. The kubelet gives a container that was given
// up before it ran the year 1970 as its start time, or none.
func hasStarted(pod *corev1.Pod, name string) bool {
	status := containerStatus(pod, name)
	if status == nil {
		return false
	}
	ended := status.State.Terminated
	return status.State.Running != nil || ended != nil && ended.StartedAt.Unix() > 0
}

// hasFailed reports whether the container ended, and not well.
func hasFailed(pod *corev1.Pod, name string) bool {
	status := containerStatus(pod, name)
	return status != nil && status.State.Terminated != nil && status.State.Terminated.ExitCode != 0
}
