/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// witness watches the states of all runs of a namespace.
type witness struct {
	mu sync.Mutex
	// running are the runs in state Running; most is how many there were at most.
	running map[string]bool
	most    int
	// verdicts are the states in which runs have ended, in order; a second one for a run is a mistake.
	verdicts map[string][]v1alpha1.TestRunState
}

func (c *cluster) watchRuns() *witness {
	c.t.Helper()
	w := &witness{running: map[string]bool{}, verdicts: map[string][]v1alpha1.TestRunState{}}
	watcher, err := client.NewWithWatch(c.Config, client.Options{Scheme: c.Scheme})
	c.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	runs, err := watcher.Watch(ctx, &v1alpha1.TestRunList{}, client.InNamespace(c.namespace))
	c.must(err)
	var reader sync.WaitGroup
	reader.Go(func() {
		for event := range runs.ResultChan() {
			if run, ok := event.Object.(*v1alpha1.TestRun); ok {
				w.see(run)
			}
		}
	})
	c.t.Cleanup(func() {
		cancel()
		runs.Stop()
		reader.Wait()
	})
	return w
}

func (w *witness) see(run *v1alpha1.TestRun) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if run.Status.State == v1alpha1.TestRunRunning {
		w.running[run.Name] = true
		w.most = max(w.most, len(w.running))
		return
	}
	delete(w.running, run.Name)
	verdicts := w.verdicts[run.Name]
	if len(verdicts) > 0 && verdicts[len(verdicts)-1] == run.Status.State {
		return
	}
	if run.Status.State.Finished() || len(verdicts) > 0 {
		w.verdicts[run.Name] = append(verdicts, run.Status.State)
	}
}

func (w *witness) seen() (most, ended int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.most, len(w.verdicts)
}

func TestSixtyRunsWithTenSlots(t *testing.T) {
	const runs, limit = 60, 10
	for _, tc := range []struct {
		reason   string
		restarts int
	}{
		{"the limit holds from the first to the last run", 0},
		{"a manager that takes over knows the slots that are taken", 3},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			c := newCluster(t)
			seen := c.watchRuns()
			kubelet := c.startKubelet(limit, func() time.Duration { return time.Duration(20+rand.IntN(150)) * time.Millisecond })
			for i := range runs {
				c.run(fmt.Sprintf("run-%02d", i))
			}
			r, stop := c.manage(settings{limit: limit, startDeadline: time.Minute})
			for restart := range tc.restarts {
				c.eventually("a good part of the runs has ended", func() (bool, any) {
					_, ended := seen.seen()
					return ended >= (restart+1)*runs/(tc.restarts+2), ended
				})
				stop()
				r, stop = c.manage(settings{limit: limit, startDeadline: time.Minute})
			}
			c.eventually("all runs have ended", func() (bool, any) {
				_, ended := seen.seen()
				return ended == runs, ended
			})
			c.eventually("all slots are free", func() (bool, any) { return r.Queue.Active() == 0 && r.Queue.Depth() == 0, r.Queue.Active() })
			c.checkCounts(seen, kubelet, runs, limit)
		})
	}
}

// checkCounts holds what was seen of runs and Pods against the promises.
func (c *cluster) checkCounts(seen *witness, kubelet *kubelet, runs, limit int) {
	c.t.Helper()
	mostRunning, _ := seen.seen()
	mostAlive, started := kubelet.seen()
	c.t.Logf("at most %d in state Running and %d containers alive", mostRunning, mostAlive)
	if mostRunning > limit || mostAlive != limit {
		c.t.Errorf("%d runs were in state Running and %d containers were alive at once, want %d", mostRunning, mostAlive, limit)
	}
	if started != runs {
		c.t.Errorf("%d Pods were started for %d runs", started, runs)
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	for run, verdicts := range seen.verdicts {
		if len(verdicts) != 1 || verdicts[0] != v1alpha1.TestRunPassed {
			c.t.Errorf("%s: verdicts %v, want one: Passed", run, verdicts)
		}
	}
}
