/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// patchSpec changes the spec of the run, whatever happens to its status meanwhile.
func (c *cluster) patchSpec(run, fields string) error {
	object := &v1alpha1.TestRun{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: run}}
	return c.Client.Patch(c.t.Context(), object, client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{%s}}`, fields)))
}

func (c *cluster) cancel(run string) {
	c.t.Helper()
	c.must(c.patchSpec(run, `"cancel":true`))
}

// runningPod waits until the run has a Pod, starts its script, and returns it.
func (c *cluster) runningPod(run string) *corev1.Pod {
	c.t.Helper()
	pod := c.awaitPod(run)
	c.must(c.bind(c.t.Context(), pod))
	c.must(c.report(c.t.Context(), pod, runningState()))
	c.await(run, v1alpha1.TestRunRunning, v1alpha1.ReasonRunning)
	return pod
}

// awaitExpired waits until the Pod of the run has the deadline of a canceled one, and returns it.
func (c *cluster) awaitExpired(run string) *corev1.Pod {
	c.t.Helper()
	pod := &corev1.Pod{}
	c.eventually("the Pod of "+run+" is told to end", func() (bool, any) {
		c.must(c.Client.Get(c.t.Context(), c.key(run+"-1"), pod))
		return *pod.Spec.ActiveDeadlineSeconds == 1, pod.Spec.ActiveDeadlineSeconds
	})
	return pod
}

// interrupted is what the runner leaves when it is told to stop.
func interrupted(t testing.TB) corev1.ContainerState {
	return resultOf(t, contract.Result{Verdict: contract.Error, Reason: contract.ReasonTerminated, Message: "script.lua:3: canceled"})
}

func (c *cluster) checkMessage(run *v1alpha1.TestRun, want string) {
	c.t.Helper()
	if !strings.HasPrefix(run.Status.Message, want) || run.Status.CompletionTime == nil {
		c.t.Errorf("%s: status is %+v, want the message %q", run.Name, run.Status, want)
	}
}

func (c *cluster) checkNoPod(run string) {
	c.t.Helper()
	if err := c.Client.Get(c.t.Context(), c.key(run+"-1"), &corev1.Pod{}); !apierrors.IsNotFound(err) {
		c.t.Errorf("%s has a Pod: %v", run, err)
	}
}

func (c *cluster) slotsAreFree(r *Reconciler) {
	c.t.Helper()
	c.eventually("all slots are free", func() (bool, any) {
		seen := []int{r.Queue.Active(), r.Queue.Depth()}
		return seen[0]+seen[1] == 0, seen
	})
}

const (
	canceledBefore = "canceled by spec.cancel before it started"
	canceledAfter  = "canceled by spec.cancel after "
)

func TestCanceledRuns(t *testing.T) {
	c := newCluster(t)
	r, _ := c.manage(settings{limit: 1, startDeadline: time.Minute})

	c.run("runs")
	c.runningPod("runs")
	c.run("waits")
	c.await("waits", v1alpha1.TestRunPending, v1alpha1.ReasonQueued)
	c.cancel("waits")
	c.checkMessage(c.await("waits", v1alpha1.TestRunError, v1alpha1.ReasonCanceled), canceledBefore)
	c.checkNoPod("waits")

	c.cancel("runs")
	pod := c.awaitExpired("runs")
	c.run("next")
	c.await("next", v1alpha1.TestRunPending, v1alpha1.ReasonQueued)
	if pod.DeletionTimestamp != nil || r.Queue.Active() != 1 {
		t.Errorf("the Pod was deleted or has lost its slot while the script cleans up: %+v", pod.ObjectMeta)
	}
	c.must(c.report(t.Context(), pod, interrupted(t)))
	c.checkMessage(c.await("runs", v1alpha1.TestRunError, v1alpha1.ReasonCanceled), canceledAfter)

	c.awaitPod("next")
	c.cancel("next")
	c.checkMessage(c.await("next", v1alpha1.TestRunError, v1alpha1.ReasonCanceled), canceledBefore)
	c.eventually("the Pod that nothing ran in is gone", func() (bool, any) {
		err := c.Client.Get(t.Context(), c.key("next-1"), &corev1.Pod{})
		return apierrors.IsNotFound(err), err
	})

	c.run("canceled-from-birth", func(run *v1alpha1.TestRun) { run.Spec.Cancel = true })
	c.checkMessage(c.await("canceled-from-birth", v1alpha1.TestRunError, v1alpha1.ReasonCanceled), canceledBefore)
	c.checkNoPod("canceled-from-birth")

	c.run("passes-too-late")
	c.runningPod("passes-too-late")
	c.cancel("passes-too-late")
	pod = c.awaitExpired("passes-too-late")
	late := resultOf(t, contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed})
	late.Terminated.FinishedAt = metav1.NewTime(time.Now().Add(2 * time.Second))
	c.must(c.report(t.Context(), pod, late))
	c.checkMessage(c.await("passes-too-late", v1alpha1.TestRunError, v1alpha1.ReasonCanceled), canceledAfter)
	c.slotsAreFree(r)
}

func TestRunsCanceledWhileNoManagerIsThere(t *testing.T) {
	c := newCluster(t)
	_, stop := c.manage(settings{limit: 2, startDeadline: time.Minute})
	c.run("runs")
	c.runningPod("runs")
	c.run("passes")
	pod := c.runningPod("passes")
	c.run("waits")
	c.await("waits", v1alpha1.TestRunPending, v1alpha1.ReasonQueued)
	stop()

	c.must(c.report(t.Context(), pod, resultOf(t, contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed})))
	for _, run := range []string{"runs", "passes", "waits"} {
		c.cancel(run)
	}
	r, _ := c.manage(settings{limit: 2, startDeadline: time.Minute})
	c.checkMessage(c.await("waits", v1alpha1.TestRunError, v1alpha1.ReasonCanceled), canceledBefore)
	c.checkNoPod("waits")
	c.must(c.report(t.Context(), c.awaitExpired("runs"), interrupted(t)))
	c.checkMessage(c.await("runs", v1alpha1.TestRunError, v1alpha1.ReasonCanceled), canceledAfter)
	c.await("passes", v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
	if *c.awaitPod("passes").Spec.ActiveDeadlineSeconds == 1 {
		t.Error("a Pod that had ended was told to end")
	}
	c.slotsAreFree(r)
}

func TestCancelOfAFinishedRunChangesNothing(t *testing.T) {
	c := newCluster(t)
	c.manage(settings{limit: 1, startDeadline: time.Minute})
	c.runPasses("finished")
	want := c.await("finished", v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
	c.cancel("finished")
	c.runPasses("after")
	c.await("after", v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
	got := c.await("finished", v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
	if diff := cmp.Diff(want.Status, got.Status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if *c.awaitPod("finished").Spec.ActiveDeadlineSeconds == 1 {
		t.Error("a Pod that had ended was told to end")
	}
}

// A run with a finalizer of somebody else, or one that is deleted in the foreground, is still there while its Pod has to end.
func TestManagerStopsTheScriptOfARunThatIsBeingDeleted(t *testing.T) {
	for _, tc := range []struct {
		reason string
		cancel bool
	}{
		{"while it runs", false},
		{"while it is being canceled", true},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			c := newCluster(t)
			r, _ := c.manage(settings{limit: 1, startDeadline: time.Minute})
			run := c.run("deleted", func(run *v1alpha1.TestRun) { run.Finalizers = []string{"example.com/keeps-it"} })
			pod := c.runningPod("deleted")
			if tc.cancel {
				c.cancel("deleted")
				c.awaitExpired("deleted")
			}
			c.must(c.Client.Delete(t.Context(), run))
			c.eventually("the Pod is being deleted", func() (bool, any) {
				c.must(c.Client.Get(t.Context(), client.ObjectKeyFromObject(pod), pod))
				return pod.DeletionTimestamp != nil, pod.ObjectMeta
			})
			if seconds := pod.DeletionGracePeriodSeconds; seconds == nil || *seconds != 30 || r.Queue.Active() != 1 {
				t.Errorf("the script has %v seconds to clean up, want 30; %d slots are taken, want 1", seconds, r.Queue.Active())
			}
			c.must(c.Client.Delete(t.Context(), pod, client.GracePeriodSeconds(0)))
			c.slotsAreFree(r)
			unbind := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
			c.must(c.Client.Patch(t.Context(), run, unbind))
		})
	}
}
