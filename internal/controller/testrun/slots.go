/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/desired"
	"github.com/topas-dev/topas/internal/queue"
)

// woken is a run that the queue wants to be reconciled.
type woken = event.TypedGenericEvent[types.NamespacedName]

// slots is what the Reconciler keeps besides the queue.
type slots struct {
	sync.Mutex
	// restored is when the queue was filled with what an earlier manager has left.
	restored time.Time
	woken    chan woken
}

// restoreSlots fills the queue with what an earlier manager has left, before the first run is admitted. It asks the API
// server: a cache may not know yet what the earlier manager did last.
func (r *Reconciler) restoreSlots(ctx context.Context) error {
	r.slots.Lock()
	defer r.slots.Unlock()
	if !r.slots.restored.IsZero() {
		return nil
	}
	holders, err := r.holders(ctx)
	if err != nil {
		return err
	}
	waiting, err := r.unfinished(ctx, holders)
	if err != nil {
		return err
	}
	holding := make([]queue.Run, 0, len(holders))
	for _, uid := range slices.Sorted(maps.Keys(holders)) {
		holding = append(holding, holders[uid])
	}
	granted := r.Queue.Restore(holding, waiting)
	r.slots.restored = r.Now()
	// What holds a slot is looked at once more: its execution may end, or be deleted, before the watches see it.
	r.wake(ctx, append(holding, granted...), "")
	return nil
}

// holders returns the runs of which something is alive, or which have not handed their App back.
func (r *Reconciler) holders(ctx context.Context) (map[types.UID]queue.Run, error) {
	alive, err := r.Execution.Alive(ctx)
	if err != nil {
		return nil, err
	}
	snapshotted, err := r.snapshotted(ctx)
	if err != nil {
		return nil, err
	}
	holders := map[types.UID]queue.Run{}
	for _, run := range snapshotted {
		holders[run.UID] = run
	}
	for _, a := range alive {
		run := holders[types.UID(a.UID)]
		run.NamespacedName, run.UID, run.App = types.NamespacedName{Namespace: a.Namespace, Name: a.Name}, types.UID(a.UID), a.App
		run.Attempt = max(run.Attempt, a.Attempt)
		holders[run.UID] = run
	}
	return holders, nil
}

// unfinished returns the runs that wait, and adds those that have been admitted to the holders, of whom it completes what is
// known.
func (r *Reconciler) unfinished(ctx context.Context, holders map[types.UID]queue.Run) ([]queue.Run, error) {
	var waiting []queue.Run
	runs := &v1alpha1.TestRunList{}
	for {
		// A run can be a megabyte in size, so they are read in small pages.
		if err := r.Live.List(ctx, runs, client.Limit(100), client.Continue(runs.Continue)); err != nil {
			return nil, fmt.Errorf("listing the runs: %w", err)
		}
		for i := range runs.Items {
			run := &runs.Items[i]
			_, holds := holders[run.UID]
			over := run.Status.State.Finished() || run.DeletionTimestamp != nil
			switch {
			case holds || !over && meta.IsStatusConditionTrue(run.Status.Conditions, v1alpha1.TestRunConditionAdmitted):
				holders[run.UID] = entry(run)
			case !over:
				waiting = append(waiting, entry(run))
			}
		}
		if runs.Continue == "" {
			return waiting, nil
		}
	}
}

// releaseFormer takes the runs of that name out of the queue that don't exist any more, as soon as nothing of them is
// alive. Current is the UID of the one that does; empty if there is none.
func (r *Reconciler) releaseFormer(ctx context.Context, name types.NamespacedName, current types.UID) error {
	for _, known := range r.Queue.Named(name) {
		if known.UID == current {
			continue
		}
		if _, err := r.release(ctx, known); err != nil {
			return err
		}
	}
	return nil
}

// wrapUp frees the slot of a run that has ended or is being deleted, and stops whatever of it is still alive. A Pod that has
// ended is kept for its log.
func (r *Reconciler) wrapUp(ctx context.Context, run *v1alpha1.TestRun) error {
	if !r.Queue.Knows(run.UID) {
		return nil
	}
	alive, err := r.release(ctx, entry(run))
	if err != nil || alive == nil {
		return err
	}
	return r.Execution.Stop(ctx, alive)
}

// release frees the slot of a run if nothing of it is alive; else it returns the attempt that is, and an event of its Pod leads
// here again.
func (r *Reconciler) release(ctx context.Context, run queue.Run) (alive *v1alpha1.TestRun, err error) {
	// An attempt begins when the one before it has ended, or is given up before it has begun.
	for attempt := run.Attempt; attempt > 0 && attempt > run.Attempt-2; attempt-- {
		one := run
		one.Attempt = attempt
		seen, err := r.Execution.Observe(ctx, started(one))
		if err != nil || seen.Alive {
			return started(one), err
		}
	}
	if err := r.handBack(ctx, run); err != nil {
		return nil, err
	}
	r.wake(ctx, r.Queue.Remove(run.UID), "")
	return nil, nil
}

// wake has the runs reconciled, except the one that is being reconciled.
func (r *Reconciler) wake(ctx context.Context, runs []queue.Run, except types.UID) {
	for _, run := range runs {
		if run.UID == except {
			continue
		}
		select {
		case r.slots.woken <- woken{Object: run.NamespacedName}:
		case <-ctx.Done():
			return
		}
	}
}

func entry(run *v1alpha1.TestRun) queue.Run {
	return queue.Run{
		NamespacedName: client.ObjectKeyFromObject(run),
		UID:            run.UID,
		Created:        run.CreationTimestamp.Time,
		Priority:       run.Spec.Priority,
		App:            sharedApp(run),
		Exclusive:      run.Spec.Isolation == v1alpha1.IsolationExclusive,
		Attempt:        run.Status.Attempt(),
		Position:       int(run.Status.QueuePosition),
	}
}

// sharedApp is the App that the run has together with others, or could have.
func sharedApp(run *v1alpha1.TestRun) string {
	if run.Spec.Isolation == v1alpha1.IsolationEphemeral {
		return ""
	}
	return run.Spec.AppName
}

// started stands for a run whose attempt may have been started, whatever its status says. Its Pod is looked for at the API server
// when the cache has none.
func started(run queue.Run) *v1alpha1.TestRun {
	return &v1alpha1.TestRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: run.Namespace, Name: run.Name, UID: run.UID},
		Status: v1alpha1.TestRunStatus{
			PodName:  desired.TestRunPodName(run.Name, run.Attempt),
			Attempts: make([]v1alpha1.TestRunAttempt, run.Attempt-1),
		},
	}
}
