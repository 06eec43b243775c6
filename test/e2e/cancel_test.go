//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// endless runs until it is stopped.
const endless = "print('begun')\nwhile true do end\n"

// cancel sets spec.cancel, whatever happens to the run meanwhile.
func cancel(t *testing.T, run *topasv1alpha1.TestRun) {
	t.Helper()
	before := run.DeepCopy()
	run.Spec.Cancel = true
	if err := cluster.Patch(t.Context(), run, client.MergeFrom(before)); err != nil {
		t.Fatalf("canceling %s: %v", run.Name, err)
	}
}

// begin makes a run and waits until its script has printed something.
func begin(t *testing.T, run *topasv1alpha1.TestRun) {
	t.Helper()
	create(t, run)
	until(t, run, 2*time.Minute, "runs", func(r *topasv1alpha1.TestRun) bool { return r.Status.State == topasv1alpha1.TestRunRunning }, describeRun)
	pod := podOf(run)
	until(t, pod, time.Minute, "has a log", func(*corev1.Pod) bool {
		out, _, _ := kctrl(t, "test", "logs", "-n", run.Namespace, run.Name)
		return strings.Contains(out, "begun")
	}, func(p *corev1.Pod) string { return p.Status.String() })
}

func podOf(run *topasv1alpha1.TestRun) *corev1.Pod {
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name = run.Namespace, run.Name+"-1"
	return pod
}

// checkStopped fails unless the runner has ended by itself, with its report, and was not killed.
func checkStopped(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name == contract.RunnerContainer && c.State.Terminated != nil {
			if code := c.State.Terminated.ExitCode; code != contract.ExitError {
				t.Errorf("the runner exited with %d, want %d: %s", code, contract.ExitError, c.State.Terminated.Message)
			}
			return
		}
	}
	t.Errorf("the runner has not ended: %s", pod.Status.String())
}

// A run ends when it is canceled, however far it has come.
func TestCancel(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, sampleApp(t, ns))
	w := watch(t, ns)

	for _, tc := range []struct {
		name, reason string
		change       func(*topasv1alpha1.TestRun)
		// ready waits until the run is as far as it should be when it is canceled.
		ready       func(*testing.T, *topasv1alpha1.TestRun)
		wantMessage string
		check       func(*testing.T, *topasv1alpha1.TestRun)
	}{
		{
			name: "runs", reason: "a script that runs is stopped, and its log is kept", ready: begin,
			wantMessage: "canceled by spec.cancel after ",
			check: func(t *testing.T, run *topasv1alpha1.TestRun) {
				pod := podOf(run)
				until(t, pod, time.Minute, "has ended", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodFailed },
					func(p *corev1.Pod) string { return p.Status.String() })
				checkStopped(t, pod)
				out, errOut, _ := kctrl(t, "test", "logs", "-n", ns, run.Name)
				if pod.DeletionTimestamp != nil || !strings.Contains(out, "begun") || !strings.Contains(out, "ERROR ") {
					t.Errorf("the log of the canceled run is lost: %s%s", out, errOut)
				}
			},
		},
		{
			name: "waits-for-a-node", reason: "a Pod in which nothing has started goes",
			change: func(run *topasv1alpha1.TestRun) {
				run.Spec.PodTemplate = &topasv1alpha1.PodTemplate{NodeSelector: map[string]string{"topas.dev/no-such-node": "true"}}
			},
			ready: func(t *testing.T, run *topasv1alpha1.TestRun) {
				create(t, run)
				until(t, run, time.Minute, "has a Pod", func(r *topasv1alpha1.TestRun) bool { return r.Status.PodName != "" }, describeRun)
			},
			wantMessage: "canceled by spec.cancel before it started",
			check:       func(t *testing.T, run *topasv1alpha1.TestRun) { gone(t, podOf(run)) },
		},
		{
			name: "never-begins", reason: "one that is canceled from the beginning gets no Pod",
			change:      func(run *topasv1alpha1.TestRun) { run.Spec.Cancel = true },
			ready:       func(t *testing.T, run *topasv1alpha1.TestRun) { create(t, run) },
			wantMessage: "canceled by spec.cancel before it started",
			check: func(t *testing.T, run *topasv1alpha1.TestRun) {
				w.mu.Lock()
				defer w.mu.Unlock()
				if pods := w.pods[run.Name]; len(pods) > 0 {
					t.Errorf("it had %d Pods", len(pods))
				}
			},
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			run := testRun(ns, tc.name, endless)
			if tc.change != nil {
				tc.change(run)
			}
			tc.ready(t, run)
			cancel(t, run)
			untilFinished(t, run)
			if run.Status.State != topasv1alpha1.TestRunError || run.Status.Reason != topasv1alpha1.ReasonCanceled ||
				!strings.HasPrefix(run.Status.Message, tc.wantMessage) {
				t.Errorf("it ended as %s, want %s", describeRun(run), tc.wantMessage)
			}
			tc.check(t, run)
		})
	}
}

// Nothing is left of a run that is deleted while its script runs, or whose time to live is over; the script can clean up.
func TestRunsThatGo(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, sampleApp(t, ns))

	t.Run("deleted while it runs", func(t *testing.T) {
		run := testRun(ns, "deleted", endless)
		begin(t, run)
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
		defer stop()
		events, err := cluster.Watch(ctx, &corev1.PodList{}, client.InNamespace(ns), client.MatchingLabels{topasv1alpha1.LabelTestRun: run.Name})
		if err != nil {
			t.Fatal(err)
		}
		defer events.Stop()
		if err := cluster.Delete(t.Context(), run); err != nil {
			t.Fatal(err)
		}
		var last *corev1.Pod
		for event := range events.ResultChan() {
			if pod, ok := event.Object.(*corev1.Pod); ok {
				last = pod
			}
			if event.Type == apiwatch.Deleted {
				break
			}
		}
		if last == nil {
			t.Fatal("its Pod was never seen")
		}
		checkStopped(t, last)
		gone(t, run)
		noneLeft(t, ns, client.MatchingLabels{topasv1alpha1.LabelTestRun: run.Name})
	})

	t.Run("its time to live is over", func(t *testing.T) {
		run := testRun(ns, "expires", "print('done')\n")
		run.Spec.TTLSecondsAfterFinished = new(int32(15))
		create(t, run)
		untilFinished(t, run)
		if run.Status.State != topasv1alpha1.TestRunPassed {
			t.Errorf("it ended as %s", describeRun(run))
		}
		gone(t, run)
		noneLeft(t, ns, client.MatchingLabels{topasv1alpha1.LabelTestRun: run.Name})
	})
}
