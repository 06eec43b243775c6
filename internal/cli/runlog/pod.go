/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runlog

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// newestPod asks the cluster for the newest Pod of the run. It returns nil when there is none.
func newestPod(ctx context.Context, c client.Client, run *v1alpha1.TestRun) (*corev1.Pod, error) {
	var list corev1.PodList
	err := c.List(ctx, &list, &client.ListOptions{Namespace: run.Namespace, LabelSelector: podSelector(run)})
	if err != nil {
		return nil, err
	}
	pods := make([]*corev1.Pod, len(list.Items))
	for i := range list.Items {
		pods[i] = &list.Items[i]
	}
	return newestOf(pods, run), nil
}

// newestOf leaves out the Pods of a deleted run of the same name.
func newestOf(pods []*corev1.Pod, run *v1alpha1.TestRun) *corev1.Pod {
	var newest *corev1.Pod
	for _, pod := range pods {
		if !metav1.IsControlledBy(pod, run) {
			continue
		}
		if newest == nil || newest.CreationTimestamp.Before(&pod.CreationTimestamp) {
			newest = pod
		}
	}
	return newest
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
