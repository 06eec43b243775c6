/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/status"
)

// conclude leaves nothing behind of a run that has ended or is being deleted, but what its time to live keeps.
func (r *Reconciler) conclude(ctx context.Context, run *v1alpha1.TestRun) (ctrl.Result, error) {
	if err := r.wrapUp(ctx, run); err != nil {
		return ctrl.Result{}, err
	}
	expiry := status.TestRunExpiry(run, r.DefaultTTL)
	if expiry.IsZero() || run.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	if wait := expiry.Sub(r.Now()); wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	return r.expire(ctx, run)
}

// expire deletes this very run, and only if nobody has given it more time meanwhile. What was made for it goes with it.
func (r *Reconciler) expire(ctx context.Context, run *v1alpha1.TestRun) (ctrl.Result, error) {
	err := r.Client.Delete(ctx, run, client.Preconditions{UID: &run.UID, ResourceVersion: &run.ResourceVersion})
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: conflictDelay}, nil
	}
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("deleting TestRun %s, whose time to live is over: %w", run.Name, err)
	}
	return ctrl.Result{}, nil
}
