/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/internal/desired"
)

var errCrashed = errors.New("the manager is dead")

// mortal is a client that dies right after its last write: the write takes effect, and nobody lives to see its answer.
type mortal struct {
	writes, last int
	pods         int
}

func (m *mortal) dead() bool { return m.last > 0 && m.writes >= m.last }

func (m *mortal) write(do func() error) error {
	if m.dead() {
		return errCrashed
	}
	err := do()
	m.writes++
	if m.dead() {
		return errCrashed
	}
	return err
}

func (m *mortal) wrap(c client.WithWatch) client.Client {
	return interceptor.NewClient(c, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
			if m.dead() {
				return errCrashed
			}
			return c.Get(ctx, key, obj, opts...)
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if m.dead() {
				return errCrashed
			}
			return c.List(ctx, list, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			return m.write(func() error {
				err := c.Create(ctx, obj, opts...)
				if _, ok := obj.(*corev1.Pod); ok && err == nil {
					m.pods++
				}
				return err
			})
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			return m.write(func() error { return c.Delete(ctx, obj, opts...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			return m.write(func() error { return c.Update(ctx, obj, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			return m.write(func() error { return c.Patch(ctx, obj, patch, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, name string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			return m.write(func() error { return c.SubResource(name).Patch(ctx, obj, patch, opts...) })
		},
	})
}

// incarnation is one life of the manager: a reconciler that knows nothing of the one before, on a client that may die.
func (c *cluster) incarnation(m *mortal) *Reconciler {
	c.t.Helper()
	direct, err := client.NewWithWatch(c.Config, client.Options{Scheme: c.Scheme})
	c.must(err)
	wrapped := m.wrap(direct)
	r := c.reconciler(wrapped, wrapped, settings{limit: 1, startDeadline: time.Minute})
	r.Now = func() time.Time { return time.Now().Add(c.late) }
	r.Events = events.NewFakeRecorder(100)
	r.slots.woken = make(chan woken, 100)
	return r
}

// live reconciles the run, with the cluster going on in between, until it has ended and its slot is free, or the manager dies.
func (c *cluster) live(r *Reconciler, m *mortal, run string, clusterStep func()) {
	c.t.Helper()
	c.eventually(run+" has ended or the manager is dead", func() (bool, any) {
		_, err := r.Reconcile(c.t.Context(), ctrl.Request{NamespacedName: c.key(run)})
		for len(r.slots.woken) > 0 {
			<-r.slots.woken
		}
		if m.dead() {
			return true, nil
		}
		c.must(err)
		clusterStep()
		got := &v1alpha1.TestRun{}
		c.must(c.Client.Get(c.t.Context(), c.key(run), got))
		return got.Status.State.Finished() && r.Queue.Active() == 0, got.Status
	})
}

// stepOn is a step of the cluster with the last Pod of the run, if there is one.
func (c *cluster) stepOn(run string, step func(*corev1.Pod)) func() {
	return func() {
		pods := &corev1.PodList{}
		c.must(c.Client.List(c.t.Context(), pods, client.InNamespace(c.namespace), client.MatchingLabels{desired.LabelTestRun: run}))
		if len(pods.Items) > 0 {
			step(&pods.Items[len(pods.Items)-1]) // they are in the order of their names
		}
	}
}

// passStep lets the Pod of the run, if there is one, start or pass.
func (c *cluster) passStep(run string) func() {
	return c.stepOn(run, func(pod *corev1.Pod) {
		switch {
		case len(pod.Status.ContainerStatuses) == 0:
			c.must(c.report(c.t.Context(), pod, runningState()))
		case pod.Status.ContainerStatuses[0].State.Running != nil:
			c.must(c.report(c.t.Context(), pod, resultOf(c.t, contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed})))
		}
	})
}

// stuckStep keeps the Pod of the run from starting until the start deadline is over, and lets a deleted one go.
func (c *cluster) stuckStep(run string) func() {
	return c.stepOn(run, func(pod *corev1.Pod) {
		switch {
		case pod.DeletionTimestamp != nil:
			c.must(client.IgnoreNotFound(c.Client.Delete(c.t.Context(), pod, client.GracePeriodSeconds(0))))
		case pod.Spec.NodeName == "":
			c.must(c.bind(c.t.Context(), pod))
		case len(pod.Status.ContainerStatuses) == 0:
			c.must(c.report(c.t.Context(), pod, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
				Reason: "ErrImagePull", Message: "pull access denied"}}))
		case c.message(run) != "":
			c.late = time.Minute // the kubelet's words are in the status, and the start deadline is over
		}
	})
}

// cancelStep cancels the run when its script runs, and lets the script end when it is told to.
func (c *cluster) cancelStep(run string) func() {
	return c.stepOn(run, func(pod *corev1.Pod) {
		switch {
		case pod.Spec.NodeName == "":
			c.must(c.bind(c.t.Context(), pod))
		case len(pod.Status.ContainerStatuses) == 0:
			c.must(c.report(c.t.Context(), pod, runningState()))
		case *pod.Spec.ActiveDeadlineSeconds == 1 && pod.Status.ContainerStatuses[0].State.Running != nil && c.message(run) != "":
			c.must(c.report(c.t.Context(), pod, interrupted(c.t)))
		default:
			c.cancel(run)
		}
	})
}

// upgradeStep lets the script of the run change its App, and pass.
func (c *cluster) upgradeStep(run string) func() {
	passes := c.passStep(run)
	return func() {
		c.stepOn(run, func(pod *corev1.Pod) {
			if scriptRuns(pod) && c.app().Spec.Services[0].Version != "v2.0.0" {
				c.upgrade()
			}
		})()
		passes()
	}
}

// copyStep makes the copy of the App ready, and lets the run pass.
func (c *cluster) copyStep(run string) func() {
	passes := c.passStep(run)
	return func() {
		apps := &v1alpha1.AppList{}
		c.must(c.Client.List(c.t.Context(), apps, client.InNamespace(c.namespace), client.MatchingLabels{desired.LabelTestRun: run}))
		for i := range apps.Items {
			if apps.Items[i].Status.Phase == "" {
				c.settle(&apps.Items[i], v1alpha1.AppReady, corev1.ConditionTrue, "")
			}
		}
		passes()
	}
}

// retryStep evicts the first Pod of the run, and lets the second one pass.
func (c *cluster) retryStep(run string) func() {
	c.late = 15 * time.Second // the time until the next attempt is over at once
	passes := c.passStep(run)
	return c.stepOn(run, func(pod *corev1.Pod) {
		if pod.Name == run+"-1" && scriptRuns(pod) {
			c.drain(pod)
			return
		}
		passes()
	})
}

func scriptRuns(pod *corev1.Pod) bool {
	return len(pod.Status.ContainerStatuses) > 0 && pod.Status.ContainerStatuses[0].State.Running != nil
}

func (c *cluster) message(run string) string {
	got := &v1alpha1.TestRun{}
	c.must(c.Client.Get(c.t.Context(), c.key(run), got))
	return got.Status.Message
}

func TestManagerIsKilledAfterAnyWrite(t *testing.T) {
	for _, tc := range []struct {
		reason string
		step   func(*cluster, string) func()
		// meanwhile is how many steps the cluster makes while no manager is there.
		meanwhile  int
		want       v1alpha1.TestRunState
		wantReason string
		// writes are the ConfigMap, the ServiceAccount, the RoleBinding, the Pod (and its deletion, or the end of its time) and the states.
		writes int
		change func(*v1alpha1.TestRun)
		// attempts are how many Pods the run has; 0 for one.
		attempts int
	}{
		{"the run stands still while no manager is there", (*cluster).passStep, 0, v1alpha1.TestRunPassed, v1alpha1.ReasonPassed, 8, nil, 0},
		{"the run goes on while no manager is there", (*cluster).passStep, 1, v1alpha1.TestRunPassed, v1alpha1.ReasonPassed, 8, nil, 0},
		{"the run ends while no manager is there", (*cluster).passStep, 2, v1alpha1.TestRunPassed, v1alpha1.ReasonPassed, 8, nil, 0},
		{"the run is canceled", (*cluster).cancelStep, 0, v1alpha1.TestRunError, v1alpha1.ReasonCanceled, 10, nil, 0},
		{"the run is canceled while no manager is there", (*cluster).cancelStep, 2, v1alpha1.TestRunError, v1alpha1.ReasonCanceled, 9, nil, 0},
		{"the Pod does not start", (*cluster).stuckStep, 2, v1alpha1.TestRunError, v1alpha1.ReasonImagePullFailed, 9, nil, 0},
		{"the run has its App for itself", (*cluster).upgradeStep, 0, v1alpha1.TestRunPassed, v1alpha1.ReasonPassed, 11, exclusive, 0},
		{"the run has its App for itself, and ends while no manager is there", (*cluster).upgradeStep, 2, v1alpha1.TestRunPassed, v1alpha1.ReasonPassed, 10, exclusive, 0},
		{"the run has a copy of its App", (*cluster).copyStep, 1, v1alpha1.TestRunPassed, v1alpha1.ReasonPassed, 10, ephemeral, 0},
		{"the run is tried again", (*cluster).retryStep, 1, v1alpha1.TestRunPassed, v1alpha1.ReasonPassedAfterRetry, 10, retries(1), 2},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			for k := 1; ; k++ {
				c := newCluster(t)
				before := c.app().Spec
				seen := c.watchRuns()
				name := fmt.Sprintf("killed-%d", k)
				if tc.change == nil {
					c.run(name)
				} else {
					c.run(name, tc.change)
				}
				attempts := max(tc.attempts, 1)
				step := tc.step(c, name)

				first := &mortal{last: k}
				c.live(c.incarnation(first), first, name, step)
				killed := first.dead()
				second := &mortal{}
				if killed {
					for range tc.meanwhile {
						step()
					}
					c.live(c.incarnation(second), second, name, step)
				}

				run := c.await(name, tc.want, tc.wantReason)
				if first.pods+second.pods != attempts {
					t.Errorf("killed after write %d: %d Pods were created, want %d", k, first.pods+second.pods, attempts)
				}
				if diff := cmp.Diff(before, c.app().Spec); diff != "" || c.snapshots() > 0 {
					t.Errorf("killed after write %d: the App (-before +after), of which there are %d snapshots:\n%s", k, c.snapshots(), diff)
				}
				if run.Status.AppName != "" {
					c.awaitNoApp(run.Status.AppName)
				}
				if run.Status.PodName != desired.TestRunPodName(name, attempts) || run.Status.CompletionTime == nil {
					t.Errorf("killed after write %d: status is %+v", k, run.Status)
				}
				if run.Status.AppVersions["frontend"] != "v1.2.0" {
					t.Errorf("killed after write %d: appVersions is %v", k, run.Status.AppVersions)
				}
				c.eventually("the verdict is seen", func() (bool, any) { _, ended := seen.seen(); return ended == 1, ended })
				seen.mu.Lock()
				if verdicts := seen.verdicts[name]; len(verdicts) != 1 {
					t.Errorf("killed after write %d: verdicts %v, want one", k, verdicts)
				}
				seen.mu.Unlock()
				if !killed {
					if k-1 < tc.writes {
						t.Errorf("the run took %d writes, want %d or more: were all steps interrupted?", k-1, tc.writes)
					}
					t.Logf("killed after each of %d writes", k-1)
					return
				}
			}
		})
	}
}
