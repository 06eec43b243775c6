/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runlog

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

func TestWaitingFor(t *testing.T) {
	waiting := func(reason, message string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	ended := corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
	git := &v1alpha1.GitSource{URL: "https://git.example.com/shop.git", Path: "a.lua", Revision: "v2"}

	for _, tc := range []struct {
		reason string
		status v1alpha1.TestRunStatus
		git    *v1alpha1.GitSource
		noPod  bool
		pod    corev1.PodStatus
		want   string
	}{
		{reason: "nobody has looked at it", noPod: true, want: "the manager to pick the run up"},
		{
			reason: "the queue is full", noPod: true,
			status: v1alpha1.TestRunStatus{State: v1alpha1.TestRunPending, Reason: v1alpha1.ReasonQueued, Message: "10 of 10 slots are taken"},
			want:   "its turn (Queued: 10 of 10 slots are taken)",
		},
		{
			reason: "it was admitted", noPod: true,
			status: v1alpha1.TestRunStatus{State: v1alpha1.TestRunPending, Reason: v1alpha1.ReasonStarting},
			want:   "the Pod (Starting)",
		},
		{
			reason: "no node has room",
			pod: corev1.PodStatus{Conditions: []corev1.PodCondition{{
				Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/1 nodes are available",
			}}},
			want: "a node (Unschedulable: 0/1 nodes are available)",
		},
		{reason: "the kubelet has not said anything", want: "the script to start"},
		{
			reason: "the usual way to start",
			pod:    corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: contract.RunnerContainer, State: waiting("ContainerCreating", "")}}},
			want:   "the script to start",
		},
		{
			reason: "the image can't be pulled",
			pod:    corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: contract.RunnerContainer, State: waiting("ImagePullBackOff", "not found")}}},
			want:   "the script to start (ImagePullBackOff: not found)",
		},
		{reason: "git, nothing started", git: git, want: "the git clone to start"},
		{
			reason: "git, cloning", git: git,
			pod: corev1.PodStatus{
				InitContainerStatuses: []corev1.ContainerStatus{{Name: contract.FetchContainer, State: running}},
				ContainerStatuses:     []corev1.ContainerStatus{{Name: contract.RunnerContainer, State: waiting("PodInitializing", "")}},
			},
			want: "the git clone of https://git.example.com/shop.git at v2",
		},
		{
			reason: "git, cloned", git: git,
			pod: corev1.PodStatus{
				InitContainerStatuses: []corev1.ContainerStatus{{Name: contract.FetchContainer, State: ended}},
				ContainerStatuses:     []corev1.ContainerStatus{{Name: contract.RunnerContainer, State: waiting("PodInitializing", "")}},
			},
			want: "the script to start",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			run := &v1alpha1.TestRun{Spec: v1alpha1.TestRunSpec{Git: tc.git}, Status: tc.status}
			pod := &corev1.Pod{Status: tc.pod}
			if tc.git != nil {
				pod.Spec.InitContainers = []corev1.Container{{Name: contract.FetchContainer}}
			}
			if tc.noPod {
				pod = nil
			}
			if got := WaitingFor(run, pod); got != tc.want {
				t.Errorf("WaitingFor = %q, want %q", got, tc.want)
			}
		})
	}
}
