/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"context"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/internal/contract"
)

// The test plays the kubelet: nothing runs Pods on an API server alone.

// bind puts the Pod on a node, from when on its deletion waits for the kubelet.
func (c *cluster) bind(ctx context.Context, pod *corev1.Pod) error {
	return c.Client.SubResource("binding").Create(ctx, pod, &corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: "node-1"}})
}

func runningState() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}
}

func terminatedState(code int32, message string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Message: message, StartedAt: metav1.Now(), FinishedAt: metav1.Now(), Reason: "Completed",
	}}
}

func resultOf(t testing.TB, r contract.Result) corev1.ContainerState {
	message, err := contract.EncodeResult(r)
	if err != nil {
		t.Fatal(err)
	}
	return terminatedState(int32(r.Verdict.ExitCode()), string(message))
}

// report writes the state of the runner container, and the phase that goes with it.
func (c *cluster) report(ctx context.Context, pod *corev1.Pod, state corev1.ContainerState) error {
	before := pod.DeepCopy()
	pod.Status.Phase = corev1.PodRunning
	if state.Waiting != nil {
		pod.Status.Phase = corev1.PodPending
	}
	if pod.Status.StartTime == nil {
		now := metav1.Now()
		pod.Status.StartTime = &now
	}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: contract.RunnerContainer, State: state}}
	return c.Client.Status().Patch(ctx, pod, client.MergeFrom(before))
}

// kubelet runs every Pod of a namespace for a short while, and counts.
type kubelet struct {
	*cluster
	length func() time.Duration
	// full is closed when fill Pods are alive at once. No Pod ends before, so that the limit is reached for certain.
	fill int
	full chan struct{}

	mu sync.Mutex
	// started and alive are the Pods that were ever started, and those with a container that runs.
	started map[types.UID]string
	alive   map[types.UID]bool
	most    int
}

// startKubelet makes every Pod run for the time that length returns, and pass. The first ones wait until fill are alive.
func (c *cluster) startKubelet(fill int, length func() time.Duration) *kubelet {
	c.t.Helper()
	k := &kubelet{cluster: c, length: length, fill: fill, full: make(chan struct{}), started: map[types.UID]string{}, alive: map[types.UID]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	watcher, err := client.NewWithWatch(c.Config, client.Options{Scheme: c.Scheme})
	c.must(err)
	pods, err := watcher.Watch(ctx, &corev1.PodList{}, client.InNamespace(c.namespace))
	c.must(err)
	var workers sync.WaitGroup
	workers.Go(func() {
		for event := range pods.ResultChan() {
			if pod, ok := event.Object.(*corev1.Pod); ok && event.Type == watch.Added {
				workers.Go(func() { k.runPod(ctx, pod) })
			}
		}
	})
	c.t.Cleanup(func() {
		cancel()
		pods.Stop()
		workers.Wait()
	})
	return k
}

func (k *kubelet) runPod(ctx context.Context, pod *corev1.Pod) {
	k.check(ctx, "bind", k.bind(ctx, pod))
	k.mu.Lock()
	k.started[pod.UID], k.alive[pod.UID] = pod.Name, true
	k.most = max(k.most, len(k.alive))
	if k.fill > 0 && len(k.alive) == k.fill {
		k.fill = 0
		close(k.full)
	}
	k.mu.Unlock()
	k.check(ctx, "report the start of", k.report(ctx, pod, runningState()))
	select {
	case <-k.full:
	case <-ctx.Done():
		return
	}
	end := time.NewTimer(k.length())
	defer end.Stop()
	select {
	case <-end.C:
	case <-ctx.Done():
		return
	}
	k.mu.Lock()
	delete(k.alive, pod.UID)
	k.mu.Unlock()
	k.check(ctx, "report the end of", k.report(ctx, pod, resultOf(k.t, contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed})))
}

func (k *kubelet) check(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil && !apierrors.IsNotFound(err) {
		k.t.Errorf("kubelet: %s a Pod: %v", what, err)
	}
}

// seen returns how many containers were alive at most at the same time, and how many Pods were started.
func (k *kubelet) seen() (most, started int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.most, len(k.started)
}
