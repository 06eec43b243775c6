/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/internal/desired"
)

func withGit(run *v1alpha1.TestRun) {
	run.Spec.Script = ""
	run.Spec.Git = &v1alpha1.GitSource{URL: "https://git.example/tests.git", Path: "smoke/users_test.lua", Revision: "v1.0.0"}
}

func TestRunsThatEnd(t *testing.T) {
	c := newCluster(t)
	clock := &clock{}
	c.manage(settings{limit: 5, startDeadline: time.Minute, clock: clock})
	const commit = "0123456789012345678901234567890123456789"

	for i, tc := range []struct {
		reason string
		change func(*v1alpha1.TestRun)
		// before comes before the run is made, and play when it has a Pod.
		before      func(t *testing.T, run *v1alpha1.TestRun)
		play        func(t *testing.T, pod *corev1.Pod)
		wantState   v1alpha1.TestRunState
		wantReason  string
		wantMessage string
		check       func(t *testing.T, run *v1alpha1.TestRun)
	}{
		{
			reason: "the script passes",
			play: func(t *testing.T, pod *corev1.Pod) {
				if !slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == "credentials" }) {
					t.Errorf("the Secret of the App's database is not in the Pod's volumes: %+v", pod.Spec.Volumes)
				}
				c.must(c.report(t.Context(), pod, runningState()))
				c.await(pod.Labels[desired.LabelTestRun], v1alpha1.TestRunRunning, v1alpha1.ReasonRunning)
				c.must(c.report(t.Context(), pod, resultOf(t, contract.Result{
					Verdict: contract.Passed, Reason: contract.ReasonPassed, Duration: 1499 * time.Millisecond})))
			},
			wantState: v1alpha1.TestRunPassed, wantReason: v1alpha1.ReasonPassed,
			check: func(t *testing.T, run *v1alpha1.TestRun) {
				if run.Status.Duration != "1.5s" || run.Status.StartTime == nil || run.Status.CompletionTime == nil {
					t.Errorf("times of the run: %+v", run.Status)
				}
				if !meta.IsStatusConditionTrue(run.Status.Conditions, v1alpha1.TestRunConditionComplete) {
					t.Errorf("conditions: %+v", run.Status.Conditions)
				}
			},
		},
		{
			reason: "an assertion fails",
			play: func(t *testing.T, pod *corev1.Pod) {
				c.must(c.report(t.Context(), pod, resultOf(t, contract.Result{
					Verdict: contract.Failed, Reason: contract.ReasonAssertionFailed, Message: "script.lua:3: assertion failed!"})))
			},
			wantState: v1alpha1.TestRunFailed, wantReason: v1alpha1.ReasonAssertionFailed, wantMessage: "script.lua:3: assertion failed!",
		},
		{
			reason:    "the App is not there",
			change:    func(run *v1alpha1.TestRun) { run.Spec.AppName = "other-app" },
			wantState: v1alpha1.TestRunError, wantReason: v1alpha1.ReasonAppNotFound,
			wantMessage: `App "other-app" does not exist in namespace ` + c.namespace + `, which has mock-app`,
			check: func(t *testing.T, run *v1alpha1.TestRun) {
				c.eventually("an Event tells of it", func() (bool, any) {
					list := &eventsv1.EventList{}
					c.must(c.Client.List(t.Context(), list, client.InNamespace(c.namespace)))
					for _, e := range list.Items {
						if e.Regarding.Name == run.Name && e.Reason == v1alpha1.ReasonAppNotFound && e.Type == corev1.EventTypeWarning {
							return true, nil
						}
					}
					return false, len(list.Items)
				})
			},
		},
		{
			reason:    "a file has the name of the script",
			change:    func(run *v1alpha1.TestRun) { run.Spec.Files = map[string]string{"script.lua": "x"} },
			wantState: v1alpha1.TestRunError, wantReason: v1alpha1.ReasonBundleInvalid, wantMessage: `spec.files has an entry "script.lua"`,
		},
		{
			reason: "script and files are too large together",
			change: func(run *v1alpha1.TestRun) {
				run.Spec.Files = map[string]string{"a.json": strings.Repeat("a", 600_000), "b.json": strings.Repeat("b", 500_000)}
			},
			wantState: v1alpha1.TestRunError, wantReason: v1alpha1.ReasonBundleTooLarge, wantMessage: "2 files (1100000 bytes)",
		},
		{
			reason: "somebody else's Pod has the name",
			before: func(t *testing.T, run *v1alpha1.TestRun) {
				pod, err := desired.TestRunPod(run, &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Name: testApp}}, testImage)
				c.must(err)
				pod.OwnerReferences, pod.Labels = nil, nil
				c.must(c.Client.Create(t.Context(), pod))
			},
			wantState: v1alpha1.TestRunError, wantReason: v1alpha1.ReasonPodNameTaken, wantMessage: "is there already and belongs to nobody",
		},
		{
			reason: "the image can't be pulled",
			play: func(t *testing.T, pod *corev1.Pod) {
				c.must(c.report(t.Context(), pod, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
					Reason: "ImagePullBackOff", Message: `Back-off pulling image "localhost/topas/runner:test"`}}))
				c.awaitMessage(pod.Labels[desired.LabelTestRun], "ImagePullBackOff")
				c.pass(clock, time.Minute, pod)
			},
			wantState: v1alpha1.TestRunError, wantReason: v1alpha1.ReasonImagePullFailed,
			wantMessage: `the test did not start within 1m: ImagePullBackOff: Back-off pulling image "localhost/topas/runner:test"`,
			check: func(t *testing.T, run *v1alpha1.TestRun) {
				c.eventually("the Pod is stopped", func() (bool, any) {
					err := c.Client.Get(t.Context(), c.key(run.Name+"-1"), &corev1.Pod{})
					return err != nil && client.IgnoreNotFound(err) == nil, err
				})
			},
		},
		{
			reason:    "the Pod finds no node",
			play:      func(_ *testing.T, pod *corev1.Pod) { c.pass(clock, time.Minute, pod) },
			wantState: v1alpha1.TestRunError, wantReason: v1alpha1.ReasonStartFailed, wantMessage: "the test did not start within 1m",
		},
		{
			reason: "the Pod is deleted while the script runs",
			play: func(t *testing.T, pod *corev1.Pod) {
				c.must(c.report(t.Context(), pod, runningState()))
				c.await(pod.Labels[desired.LabelTestRun], v1alpha1.TestRunRunning, v1alpha1.ReasonRunning)
				c.must(c.Client.Delete(t.Context(), pod, client.GracePeriodSeconds(0)))
			},
			wantState: v1alpha1.TestRunError, wantReason: v1alpha1.ReasonPodDeleted, wantMessage: "is gone: it was deleted before its verdict could be read",
		},
		{
			reason: "the source can't be fetched",
			change: withGit,
			play: func(t *testing.T, pod *corev1.Pod) {
				before := pod.DeepCopy()
				pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: contract.FetchContainer, State: resultOf(t, contract.Result{
					Verdict: contract.Error, Reason: contract.ReasonGitCloneFailed, Message: `revision "v1.0.0" does not exist`})}}
				c.must(c.Client.Status().Patch(t.Context(), pod, client.MergeFrom(before)))
			},
			wantState: v1alpha1.TestRunError, wantReason: v1alpha1.ReasonGitCloneFailed, wantMessage: `revision "v1.0.0" does not exist`,
		},
		{
			reason: "a test from git says which commit it ran",
			change: withGit,
			play: func(t *testing.T, pod *corev1.Pod) {
				before := pod.DeepCopy()
				pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: contract.FetchContainer, State: resultOf(t, contract.Result{
					Verdict: contract.Passed, GitCommit: commit})}}
				c.must(c.Client.Status().Patch(t.Context(), pod, client.MergeFrom(before)))
				c.must(c.report(t.Context(), pod, resultOf(t, contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed})))
			},
			wantState: v1alpha1.TestRunPassed, wantReason: v1alpha1.ReasonPassed,
			check: func(t *testing.T, run *v1alpha1.TestRun) {
				if run.Status.GitCommit != commit {
					t.Errorf("gitCommit is %q, want %q", run.Status.GitCommit, commit)
				}
			},
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			run := c.draft(fmt.Sprintf("case-%02d", i))
			if tc.change != nil {
				tc.change(run)
			}
			if tc.before != nil {
				tc.before(t, run)
			}
			c.must(c.Client.Create(t.Context(), run))
			if tc.play != nil {
				tc.play(t, c.awaitPod(run.Name))
			}
			run = c.await(run.Name, tc.wantState, tc.wantReason)
			if !strings.Contains(run.Status.Message, tc.wantMessage) {
				t.Errorf("message is %q, want it to hold %q", run.Status.Message, tc.wantMessage)
			}
			if tc.check != nil {
				tc.check(t, run)
			}
		})
	}
}

func TestRefusedPodsAreTriedAgainUntilTheDeadline(t *testing.T) {
	c := newCluster(t)
	clock := &clock{}
	c.manage(settings{limit: 5, startDeadline: time.Minute, clock: clock})
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "none"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}},
	}
	c.must(c.Client.Create(t.Context(), quota))
	quota.Status.Hard = quota.Spec.Hard
	quota.Status.Used = corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}
	c.must(c.Client.Status().Update(t.Context(), quota))
	const words = "exceeded quota: none"

	refused := c.run("refused")
	c.awaitMessage("refused", words)
	c.pass(clock, time.Minute, refused)
	run := c.await("refused", v1alpha1.TestRunError, v1alpha1.ReasonPodCreateFailed)
	if !strings.Contains(run.Status.Message, words) || !strings.Contains(run.Status.Message, "did not start within 1m") {
		t.Errorf("message is %q", run.Status.Message)
	}

	c.run("allowed-later")
	c.awaitMessage("allowed-later", words)
	c.must(c.Client.Delete(t.Context(), quota))
	c.must(c.report(t.Context(), c.awaitPod("allowed-later"), resultOf(t, contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed})))
	c.await("allowed-later", v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
}

func TestFirstVerdictCounts(t *testing.T) {
	c := newCluster(t)
	r, stop := c.manage(settings{limit: 5, startDeadline: time.Minute})
	c.run("once")
	pod := c.awaitPod("once")
	c.must(c.report(t.Context(), pod, resultOf(t, contract.Result{Verdict: contract.Failed, Reason: contract.ReasonAssertionFailed, Message: "script.lua:1: no"})))
	want := c.await("once", v1alpha1.TestRunFailed, v1alpha1.ReasonAssertionFailed)
	c.eventually("its slot is free", func() (bool, any) { return r.Queue.Active() == 0, r.Queue.Active() })

	c.must(c.report(t.Context(), pod, resultOf(t, contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed})))
	c.must(c.Client.Delete(t.Context(), pod, client.GracePeriodSeconds(0)))
	stop()
	c.manage(settings{limit: 5, startDeadline: time.Minute})
	c.run("after")
	c.awaitPod("after")

	got := &v1alpha1.TestRun{}
	c.must(c.Client.Get(t.Context(), c.key("once"), got))
	if got.ResourceVersion != want.ResourceVersion {
		t.Errorf("the run has changed after its verdict: %+v", got.Status)
	}
}

func TestDeletedRunKeepsItsSlotUntilItsPodIsGone(t *testing.T) {
	c := newCluster(t)
	r, _ := c.manage(settings{limit: 1, startDeadline: time.Minute})
	deleted := c.run("z-deleted")
	pod := c.awaitPod("z-deleted")
	c.must(c.bind(t.Context(), pod))
	c.must(c.report(t.Context(), pod, runningState()))
	c.await("z-deleted", v1alpha1.TestRunRunning, v1alpha1.ReasonRunning)
	// Runs made in the same second go by name, and this one is to go before the second "z-deleted".
	c.run("b-waits")
	c.await("b-waits", v1alpha1.TestRunPending, v1alpha1.ReasonQueued)

	c.must(c.Client.Delete(t.Context(), deleted))
	// A run of the same name must not take the Pod of the first for its own.
	again := c.run("z-deleted")
	c.await("z-deleted", v1alpha1.TestRunPending, v1alpha1.ReasonQueued)
	if !r.Queue.Admitted(deleted.UID) || r.Queue.Admitted(again.UID) || r.Queue.Depth() != 2 {
		t.Errorf("the Pod of the deleted run is alive, and its slot was given away")
	}
	// The test plays the garbage collector too.
	bundle := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: pod.Name}}
	c.must(c.Client.Delete(t.Context(), bundle))
	c.must(c.Client.Delete(t.Context(), pod, client.GracePeriodSeconds(0)))
	c.must(c.report(t.Context(), c.awaitPod("b-waits"), resultOf(t, contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed})))
	c.await("b-waits", v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
	c.must(c.report(t.Context(), c.awaitPod("z-deleted"), resultOf(t, contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed})))
	c.await("z-deleted", v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
}
