/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/internal/desired"
)

func exclusive(run *v1alpha1.TestRun) { run.Spec.Isolation = v1alpha1.IsolationExclusive }

func (c *cluster) app() *v1alpha1.App {
	c.t.Helper()
	app := &v1alpha1.App{}
	c.must(c.Client.Get(c.t.Context(), c.key(testApp), app))
	return app
}

// upgrade changes the App as a script does.
func (c *cluster) upgrade() {
	c.t.Helper()
	app := c.app()
	app.Spec.Services[0].Version = "v2.0.0"
	app.Spec.Services = append(app.Spec.Services, v1alpha1.ServiceSpec{Name: "added", Image: "my-org/added", Version: "v1", Port: 80})
	c.must(c.Client.Update(c.t.Context(), app))
}

func (c *cluster) snapshots() int {
	c.t.Helper()
	list := &appsv1.ControllerRevisionList{}
	c.must(c.Client.List(c.t.Context(), list, client.InNamespace(c.namespace)))
	return len(list.Items)
}

func (c *cluster) passes(pod *corev1.Pod) {
	c.t.Helper()
	c.must(c.report(c.t.Context(), pod, resultOf(c.t, contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed})))
}

// collect deletes a Pod at once, as the kubelet and the garbage collector do after a while.
func (c *cluster) collect(pod *corev1.Pod) {
	c.t.Helper()
	c.must(client.IgnoreNotFound(c.Client.Delete(c.t.Context(), pod, client.GracePeriodSeconds(0))))
}

func (c *cluster) deleteRun(name string) {
	c.t.Helper()
	c.must(c.Client.Delete(c.t.Context(), &v1alpha1.TestRun{ObjectMeta: c.draft(name).ObjectMeta}))
}

// TestExclusiveRunsHandTheirAppBack: whatever ends the run, and whoever sees it, the next run finds the App as it was.
func TestExclusiveRunsHandTheirAppBack(t *testing.T) {
	for _, tc := range []struct {
		reason string
		end    func(*cluster, *corev1.Pod)
		// unseen is true when no manager is there at the end of the run.
		unseen bool
		// want is the verdict; empty for a run that is gone.
		want       v1alpha1.TestRunState
		wantReason string
	}{
		{reason: "it passes", end: (*cluster).passes, want: v1alpha1.TestRunPassed, wantReason: v1alpha1.ReasonPassed},
		{reason: "it passes unseen", end: (*cluster).passes, unseen: true, want: v1alpha1.TestRunPassed, wantReason: v1alpha1.ReasonPassed},
		{reason: "its Pod is deleted", end: (*cluster).collect, want: v1alpha1.TestRunError, wantReason: v1alpha1.ReasonPodDeleted},
		{
			reason: "it is canceled", want: v1alpha1.TestRunError, wantReason: v1alpha1.ReasonCanceled,
			end: func(c *cluster, _ *corev1.Pod) {
				c.cancel("alone")
				c.must(c.report(c.t.Context(), c.awaitExpired("alone"), interrupted(c.t)))
			},
		},
		{
			reason: "it is deleted", end: func(c *cluster, pod *corev1.Pod) { c.deleteRun("alone"); c.collect(pod) },
		},
		{
			reason: "it is deleted unseen", unseen: true, end: func(c *cluster, pod *corev1.Pod) { c.deleteRun("alone"); c.collect(pod) },
		},
		{
			reason: "it is deleted unseen, and its Pod ends later", unseen: true, end: func(c *cluster, _ *corev1.Pod) { c.deleteRun("alone") },
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			c := newCluster(t)
			before := c.app().Spec
			r, stop := c.manage(settings{limit: 5, startDeadline: time.Minute})
			c.run("alone", exclusive)
			pod := c.runningPod("alone")
			c.run("next")
			c.awaitMessage("next", "none on an App that another one has for itself")
			c.upgrade()
			if c.snapshots() != 1 {
				t.Fatalf("there are %d snapshots, want 1", c.snapshots())
			}
			if tc.unseen {
				stop()
			}
			tc.end(c, pod)
			if tc.unseen {
				r, _ = c.manage(settings{limit: 5, startDeadline: time.Minute})
			}
			if tc.want != "" {
				c.await("alone", tc.want, tc.wantReason)
				if diff := cmp.Diff(before, c.app().Spec); diff != "" {
					t.Errorf("the App when the verdict is there (-before +after):\n%s", diff)
				}
			} else {
				c.collect(pod)
			}
			next := c.runningPod("next")
			if diff := cmp.Diff(before, c.app().Spec); diff != "" {
				t.Errorf("the App when the next run starts (-before +after):\n%s", diff)
			}
			if c.snapshots() != 0 {
				t.Errorf("there are still %d snapshots", c.snapshots())
			}
			c.passes(next)
			c.await("next", v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
			c.slotsAreFree(r)
		})
	}
}

func TestExclusiveRunsWaitForOthers(t *testing.T) {
	c := newCluster(t)
	r, _ := c.manage(settings{limit: 5, startDeadline: time.Minute})
	c.run("shared")
	shared := c.runningPod("shared")
	c.run("alone", exclusive)
	c.awaitMessage("alone", "this one needs its App for itself")
	c.passes(shared)
	alone := c.runningPod("alone")
	c.passes(alone)
	c.await("alone", v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
	c.slotsAreFree(r)
}

// TestAppThatCannotBePutBack: the run ends all the same, and others are not kept from the App for ever.
func TestAppThatCannotBePutBack(t *testing.T) {
	c := newCluster(t)
	app := c.app()
	app.Spec.Databases[0].Storage = &v1alpha1.Storage{Size: "1Gi"}
	c.must(c.Client.Update(t.Context(), app))
	r, _ := c.manage(settings{limit: 5, startDeadline: time.Minute})
	c.run("alone", exclusive)
	pod := c.runningPod("alone")
	app = c.app()
	app.Spec.Databases[0].Storage.Size = "2Gi"
	c.must(c.Client.Update(t.Context(), app))
	c.passes(pod)
	c.await("alone", v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
	c.slotsAreFree(r)
}

func ephemeral(run *v1alpha1.TestRun) { run.Spec.Isolation = v1alpha1.IsolationEphemeral }

// awaitCopy waits until the run has a copy of the App, and returns it.
func (c *cluster) awaitCopy(run string) *v1alpha1.App {
	c.t.Helper()
	app := &v1alpha1.App{}
	c.eventually("there is a copy of the App for "+run, func() (bool, any) {
		got := &v1alpha1.TestRun{}
		c.must(c.Client.Get(c.t.Context(), c.key(run), got))
		if got.Status.AppName == "" {
			return false, got.Status
		}
		err := c.Client.Get(c.t.Context(), c.key(got.Status.AppName), app)
		return err == nil, err
	})
	return app
}

// settle makes an App what its controller would.
func (c *cluster) settle(app *v1alpha1.App, phase v1alpha1.AppPhase, ready corev1.ConditionStatus, message string) {
	c.t.Helper()
	before := app.DeepCopy()
	app.Status.Phase = phase
	app.Status.Conditions = readyCondition(app.Generation, ready, message)
	c.must(c.Client.Status().Patch(c.t.Context(), app, client.MergeFrom(before)))
}

func (c *cluster) awaitNoApp(name string) {
	c.t.Helper()
	c.eventually("App "+name+" is gone", func() (bool, any) {
		err := c.Client.Get(c.t.Context(), c.key(name), &v1alpha1.App{})
		return apierrors.IsNotFound(err), err
	})
}

func environment(pod *corev1.Pod, variable string) string {
	for _, v := range pod.Spec.Containers[0].Env {
		if v.Name == variable {
			return v.Value
		}
	}
	return ""
}

func TestEphemeralRuns(t *testing.T) {
	c := newCluster(t)
	before := c.app()
	r, _ := c.manage(settings{limit: 5, startDeadline: time.Minute})
	c.run("alone", exclusive)
	alone := c.runningPod("alone")
	for _, name := range []string{"first", "second"} {
		c.run(name, ephemeral)
	}
	first, second := c.awaitCopy("first"), c.awaitCopy("second")
	if first.Name == second.Name || first.Annotations[v1alpha1.AnnotationCopyOf] != testApp {
		t.Fatalf("the copies are %+v and %+v", first.ObjectMeta, second.ObjectMeta)
	}
	c.awaitMessage("first", "App "+first.Name+", the copy for this run, is being made")
	c.settle(first, v1alpha1.AppProgressing, corev1.ConditionFalse, "db is starting")
	c.awaitMessage("first", "is not ready: Because: db is starting")
	c.checkNoPod("first")

	c.settle(first, v1alpha1.AppReady, corev1.ConditionTrue, "")
	pod := c.runningPod("first")
	if app, account := environment(pod, contract.EnvApp), pod.Spec.ServiceAccountName; app != first.Name || account != desired.RunnerName(first.Name) {
		t.Errorf("the Pod works on App %q as %q, want the copy %s", app, account, first.Name)
	}
	c.passes(pod)
	c.await("first", v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
	c.awaitNoApp(first.Name)

	c.settle(second, v1alpha1.AppFailed, corev1.ConditionFalse, "psql: syntax error")
	c.checkMessage(c.await("second", v1alpha1.TestRunError, v1alpha1.ReasonAppNotReady), "App "+second.Name+", the copy for this run, is not ready")
	c.awaitNoApp(second.Name)
	c.checkNoPod("second")

	c.passes(alone)
	c.await("alone", v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
	c.slotsAreFree(r)
	if diff := cmp.Diff(before, c.app()); diff != "" {
		t.Errorf("the App itself was changed (-before +after):\n%s", diff)
	}
}

// TestCopyThatIsNeverReady: the start deadline counts for the copy as well.
func TestCopyThatIsNeverReady(t *testing.T) {
	c := newCluster(t)
	k := &clock{}
	r, _ := c.manage(settings{limit: 5, startDeadline: time.Minute, clock: k})
	run := c.run("slow", ephemeral)
	made := c.awaitCopy("slow")
	c.settle(made, v1alpha1.AppProgressing, corev1.ConditionFalse, "db is starting")
	c.awaitMessage("slow", "db is starting")
	c.pass(k, time.Minute, run)
	c.checkMessage(c.await("slow", v1alpha1.TestRunError, v1alpha1.ReasonAppNotReady), "the test did not start within 1m: App "+made.Name)
	c.awaitNoApp(made.Name)

	c.run("canceled", ephemeral)
	made = c.awaitCopy("canceled")
	c.cancel("canceled")
	c.await("canceled", v1alpha1.TestRunError, v1alpha1.ReasonCanceled)
	c.awaitNoApp(made.Name)
	c.slotsAreFree(r)
}

func readyCondition(generation int64, status corev1.ConditionStatus, message string) []metav1.Condition {
	return []metav1.Condition{{Type: v1alpha1.AppConditionReady, Status: metav1.ConditionStatus(status), Reason: "Because", Message: message,
		ObservedGeneration: generation, LastTransitionTime: metav1.Now()}}
}
