/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/status"
)

// record writes the status, and tells of the change once it is written. A run that has changed since it was read is not
// written: the first verdict on it may be there already.
func (r *Reconciler) record(ctx context.Context, run *v1alpha1.TestRun, after v1alpha1.TestRunStatus) error {
	if equality.Semantic.DeepEqual(run.Status, after) {
		return nil
	}
	before := run.DeepCopy()
	run.Status = after
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Status().Patch(ctx, run, patch); err != nil {
		return fmt.Errorf("writing the status of TestRun %s: %w", run.Name, err)
	}
	r.tell(ctx, run, before.Status, after)
	return nil
}

func (r *Reconciler) tell(ctx context.Context, run *v1alpha1.TestRun, before, after v1alpha1.TestRunStatus) {
	r.measure(run, before, after)
	event := status.TestRunEventOf(before, after)
	if event == nil {
		return
	}
	log.FromContext(ctx).Info("TestRun has changed", "state", after.State, "reason", after.Reason, "pod", after.PodName)
	r.Events.Eventf(run, nil, event.Type, event.Reason, event.Action, "%s", event.Note)
}

// measure counts a change once: only one write of it takes effect, however many managers there are one after the other.
func (r *Reconciler) measure(run *v1alpha1.TestRun, before, after v1alpha1.TestRunStatus) {
	if admitted := status.TestRunAdmission(after); !admitted.IsZero() && status.TestRunAdmission(before).IsZero() {
		r.Metrics.Admitted(admitted.Sub(run.CreationTimestamp.Time))
	}
	if !after.State.Finished() {
		return
	}
	r.Metrics.Finished(string(after.State), after.Reason)
	if after.StartTime != nil {
		r.Metrics.Ran(string(after.State), status.TestRunDuration(after))
	}
}
