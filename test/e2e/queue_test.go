//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// watcher follows the TestRuns and Pods of a namespace and keeps what must never have been.
type watcher struct {
	mu        sync.Mutex
	running   map[types.UID]bool
	alive     map[types.UID]bool
	pods      map[string]map[types.UID]bool // run -> Pods that were ever seen
	mostRuns  int
	mostAlive int
}

func watch(t *testing.T, ns string) *watcher {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{running: map[types.UID]bool{}, alive: map[types.UID]bool{}, pods: map[string]map[types.UID]bool{}}
	var wg sync.WaitGroup
	for _, list := range []client.ObjectList{&topasv1alpha1.TestRunList{}, &corev1.PodList{}} {
		events, err := cluster.Watch(ctx, list, client.InNamespace(ns))
		if err != nil {
			t.Fatalf("watching %T: %v", list, err)
		}
		wg.Go(func() {
			for event := range events.ResultChan() {
				w.see(event.Object)
			}
		})
	}
	t.Cleanup(func() { cancel(); wg.Wait() })
	return w
}

func (w *watcher) see(obj any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch o := obj.(type) {
	case *topasv1alpha1.TestRun:
		w.running[o.UID] = o.Status.State == topasv1alpha1.TestRunRunning
		w.mostRuns = max(w.mostRuns, count(w.running))
	case *corev1.Pod:
		run := o.Labels[topasv1alpha1.LabelTestRun]
		if run == "" {
			return
		}
		if w.pods[run] == nil {
			w.pods[run] = map[types.UID]bool{}
		}
		w.pods[run][o.UID] = true
		w.alive[o.UID] = runnerAlive(o)
		w.mostAlive = max(w.mostAlive, count(w.alive))
	}
}

func runnerAlive(pod *corev1.Pod) bool {
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name == contract.RunnerContainer && c.State.Running != nil {
			return true
		}
	}
	return false
}

func count(set map[types.UID]bool) int {
	n := 0
	for _, in := range set {
		if in {
			n++
		}
	}
	return n
}

// check fails unless the limit held and every run had exactly one Pod.
func (w *watcher) check(t *testing.T, runs int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mostRuns > maxConcurrent || w.mostAlive > maxConcurrent {
		t.Errorf("%d runs were Running at once and %d runner containers alive, want at most %d", w.mostRuns, w.mostAlive, maxConcurrent)
	}
	t.Logf("at most %d of %d runs were Running at once, and %d runner containers alive", w.mostRuns, runs, w.mostAlive)
	if len(w.pods) != runs {
		t.Errorf("%d runs had a Pod, want %d", len(w.pods), runs)
	}
	for run, pods := range w.pods {
		if len(pods) != 1 {
			t.Errorf("%s had %d Pods, want 1", run, len(pods))
		}
	}
}

// Sixty runs at once: never more than the limit run, and all end.
func TestLimit(t *testing.T) {
	const runs = 60
	ns := namespace(t)
	create(t, sampleApp(t, ns))
	w := watch(t, ns)
	all := startRuns(t, ns, runs)
	for _, run := range all {
		until(t, run, 5*time.Minute, "is finished", func(r *topasv1alpha1.TestRun) bool { return r.Status.State.Finished() }, describeRun)
		if run.Status.State != topasv1alpha1.TestRunPassed {
			t.Errorf("%s ended as %s", run.Name, describeRun(run))
		}
	}
	w.check(t, runs)
}

// The manager is killed again and again while runs are on their way: each ends once, with one Pod.
func TestManagerIsKilled(t *testing.T) {
	const runs = 15
	freshManager(t)
	ns := namespace(t)
	create(t, sampleApp(t, ns))
	w := watch(t, ns)
	all := startRuns(t, ns, runs)
	// Each kill finds other runs under way: it comes after that many of them have begun.
	for _, begun := range []int{1, 6, 11} {
		waitBegun(t, w, begun)
		killManager(t)
	}
	for _, run := range all {
		untilFinished(t, run)
		if run.Status.State != topasv1alpha1.TestRunPassed {
			t.Errorf("%s ended as %s", run.Name, describeRun(run))
		}
	}
	w.check(t, runs)
}

func startRuns(t *testing.T, ns string, n int) []*topasv1alpha1.TestRun {
	t.Helper()
	var all []*topasv1alpha1.TestRun
	for i := range n {
		run := testRun(ns, fmt.Sprintf("run-%02d", i), "local started = os.time()\nwhile os.time() - started < 2 do end\nprint('done')\n")
		create(t, run)
		all = append(all, run)
	}
	return all
}

// waitBegun waits until n runs have a Pod.
func waitBegun(t *testing.T, w *watcher, n int) {
	t.Helper()
	begun := 0
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 3*time.Minute, true, func(context.Context) (bool, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		begun = len(w.pods)
		return begun >= n, nil
	})
	if err != nil {
		t.Fatalf("only %d of %d runs have begun: %v", begun, n, err)
	}
}
