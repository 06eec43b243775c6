/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/internal/contract"
)

// kubelet plays the kubelet for Pods of which each has one container, that passes as soon as it may.
type kubelet struct {
	client  client.Client
	message string
	fail    context.CancelCauseFunc
	pods    sync.WaitGroup

	mu sync.Mutex
	// may is closed when containers may end.
	may chan struct{}
	// alive are the Pods whose container has not ended, as the API server has told of them in turn; most is how many there were
	// at once.
	alive map[types.UID]bool
	most  int
}

func newKubelet(c client.Client, fail context.CancelCauseFunc) (*kubelet, error) {
	message, err := contract.EncodeResult(contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed})
	if err != nil {
		return nil, fmt.Errorf("encoding the result of a test: %w", err)
	}
	k := &kubelet{client: c, message: string(message), fail: fail, alive: map[types.UID]bool{}}
	k.hold()
	return k, nil
}

// hold keeps containers from ending, until release.
func (k *kubelet) hold() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.may = make(chan struct{})
}

func (k *kubelet) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.may)
}

// maxAlive is how many containers were alive at once, at most.
func (k *kubelet) maxAlive() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.most
}

func (k *kubelet) see(ctx context.Context, event watch.EventType, pod *corev1.Pod) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if event == watch.Deleted || ended(pod) {
		delete(k.alive, pod.UID)
		return
	}
	if k.alive[pod.UID] {
		return
	}
	k.alive[pod.UID] = true
	k.most = max(k.most, len(k.alive))
	may := k.may
	k.pods.Go(func() {
		select {
		case <-may:
		case <-ctx.Done():
			return
		}
		if err := k.finish(ctx, pod); err != nil {
			k.fail(fmt.Errorf("playing the kubelet for Pod %s: %w", pod.Name, err))
		}
	})
}

func ended(pod *corev1.Pod) bool {
	states := pod.Status.ContainerStatuses
	return len(states) > 0 && states[0].State.Terminated != nil
}

// finish reports the end of the container and then that of the Pod, as the kubelet does.
func (k *kubelet) finish(ctx context.Context, pod *corev1.Pod) error {
	now := metav1.Now()
	for _, status := range []corev1.PodStatus{
		{Phase: corev1.PodRunning, StartTime: &now, ContainerStatuses: []corev1.ContainerStatus{{
			Name: pod.Spec.Containers[0].Name,
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				Reason: "Completed", Message: k.message, StartedAt: now, FinishedAt: now,
			}},
		}}},
		{Phase: corev1.PodSucceeded},
	} {
		patch, err := json.Marshal(map[string]any{"status": status})
		if err != nil {
			return err
		}
		if err := k.client.Status().Patch(ctx, pod, client.RawPatch(types.MergePatchType, patch)); err != nil {
			return err
		}
	}
	return nil
}
