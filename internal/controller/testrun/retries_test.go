/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

func retries(number int32) func(*v1alpha1.TestRun) {
	return func(run *v1alpha1.TestRun) { run.Spec.Retries = number }
}

// awaitAttempt waits until the run has the Pod of that attempt, starts its script, and returns the Pod.
func (c *cluster) awaitAttempt(run string, attempt int) *corev1.Pod {
	c.t.Helper()
	pod := &corev1.Pod{}
	name := fmt.Sprintf("%s-%d", run, attempt)
	c.eventually("there is Pod "+name, func() (bool, any) {
		err := c.Client.Get(c.t.Context(), c.key(name), pod)
		return err == nil, err
	})
	c.must(c.bind(c.t.Context(), pod))
	c.must(c.report(c.t.Context(), pod, runningState()))
	c.eventually(name+" runs", func() (bool, any) {
		got := &v1alpha1.TestRun{}
		c.must(c.Client.Get(c.t.Context(), c.key(run), got))
		return got.Status.State == v1alpha1.TestRunRunning && got.Status.PodName == name, got.Status
	})
	return pod
}

// awaitRetry waits until that many attempts of the run have ended, and lets the time until the next one pass.
func (c *cluster) awaitRetry(k *clock, run *v1alpha1.TestRun, ended int) {
	c.t.Helper()
	c.eventually(fmt.Sprintf("%d attempts have ended", ended), func() (bool, any) {
		c.must(c.Client.Get(c.t.Context(), client.ObjectKeyFromObject(run), run))
		return len(run.Status.Attempts) == ended, run.Status
	})
	c.pass(k, 15*time.Second, run)
}

// drain ends a Pod as a node that is drained does.
func (c *cluster) drain(pod *corev1.Pod) {
	c.t.Helper()
	before := pod.DeepCopy()
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI", Message: "the node is drained", LastTransitionTime: metav1.Now()})
	c.must(c.Client.Status().Patch(c.t.Context(), pod, client.MergeFrom(before)))
	c.must(c.report(c.t.Context(), pod, resultOf(c.t, contract.Result{Verdict: contract.Error, Reason: contract.ReasonTerminated, Message: "canceled"})))
}

func podNames(run *v1alpha1.TestRun) []string {
	var names []string
	for _, a := range run.Status.Attempts {
		names = append(names, fmt.Sprintf("%d %s %s", a.Attempt, a.PodName, a.Reason))
	}
	return names
}

func TestRetriedRuns(t *testing.T) {
	c := newCluster(t)
	k := &clock{}
	r, _ := c.manage(settings{limit: 1, startDeadline: time.Hour, clock: k})
	before := c.app().Spec
	run := c.run("retried", retries(2), exclusive)
	first := c.awaitAttempt("retried", 1)
	c.upgrade()
	c.drain(first)
	c.awaitRetry(k, run, 1)
	if diff := cmp.Diff(before, c.app().Spec); diff != "" {
		t.Errorf("the App before the second attempt (-before +after):\n%s", diff)
	}
	second := c.awaitAttempt("retried", 2)
	c.upgrade()
	c.drain(second)
	c.awaitRetry(k, run, 2)
	third := c.awaitAttempt("retried", 3)
	c.run("next")
	c.await("next", v1alpha1.TestRunPending, v1alpha1.ReasonQueued)
	c.upgrade()
	c.passes(third)
	run = c.await("retried", v1alpha1.TestRunPassed, v1alpha1.ReasonPassedAfterRetry)
	want := []string{"1 retried-1 Evicted", "2 retried-2 Evicted", "3 retried-3 PassedAfterRetry"}
	if diff := cmp.Diff(want, podNames(run)); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, c.app().Spec); diff != "" {
		t.Errorf("the App after the run (-before +after):\n%s", diff)
	}
	for _, pod := range []*corev1.Pod{first, second, third} {
		c.must(c.Client.Get(t.Context(), client.ObjectKeyFromObject(pod), pod)) // each keeps its log
	}
	c.passes(c.awaitAttempt("next", 1))
	c.slotsAreFree(r)
}

// TestAttemptThatDoesNotStart: its Pod may start at any time, so it has to be gone before the next one is made.
func TestAttemptThatDoesNotStart(t *testing.T) {
	c := newCluster(t)
	k := &clock{}
	r, _ := c.manage(settings{limit: 1, startDeadline: time.Minute, clock: k})
	run := c.run("stuck", retries(1))
	pod := c.awaitPod("stuck")
	c.must(c.bind(t.Context(), pod))
	c.must(c.report(t.Context(), pod, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "not found"}}))
	c.awaitMessage("stuck", "ErrImagePull")
	c.pass(k, time.Minute, run)
	c.awaitRetry(k, run, 1)
	c.awaitMessage("stuck", "Pod stuck-1 of attempt 1 has not ended yet")
	c.eventually("the Pod is told to end", func() (bool, any) {
		c.must(c.Client.Get(t.Context(), client.ObjectKeyFromObject(pod), pod))
		return pod.DeletionTimestamp != nil, pod.ObjectMeta
	})
	if r.Queue.Active() != 1 {
		t.Errorf("%d slots are taken, want 1", r.Queue.Active())
	}
	c.collect(pod)
	c.passes(c.awaitAttempt("stuck", 2))
	run = c.await("stuck", v1alpha1.TestRunPassed, v1alpha1.ReasonPassedAfterRetry)
	if diff := cmp.Diff([]string{"1 stuck-1 ImagePullFailed", "2 stuck-2 PassedAfterRetry"}, podNames(run)); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	c.slotsAreFree(r)
}

// TestManagerChangesBetweenAttempts: the next one counts the attempts, and the slot, of the one before.
func TestManagerChangesBetweenAttempts(t *testing.T) {
	c := newCluster(t)
	k := &clock{}
	_, stop := c.manage(settings{limit: 1, startDeadline: time.Hour, clock: k})
	run := c.run("moved", retries(1))
	c.drain(c.awaitAttempt("moved", 1))
	c.awaitRetry(k, run, 1)
	second := c.awaitAttempt("moved", 2)
	stop()
	c.run("next")
	r, _ := c.manage(settings{limit: 1, startDeadline: time.Hour, clock: k})
	c.await("next", v1alpha1.TestRunPending, v1alpha1.ReasonQueued)
	c.deleteRun("moved")
	c.collect(second)
	c.passes(c.awaitAttempt("next", 1))
	c.slotsAreFree(r)
}
