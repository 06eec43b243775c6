/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/desired"
	"github.com/topas-dev/topas/internal/status"
)

// makeCopy brings the private copy of the App into being, and returns it. It is not ready as long as there is a problem.
func (r *Reconciler) makeCopy(ctx context.Context, run *v1alpha1.TestRun, app *v1alpha1.App) (*v1alpha1.App, *status.TestRunProblem, error) {
	wanted := desired.AppCopy(run, app)
	found, err := r.findApp(ctx, client.ObjectKeyFromObject(wanted))
	if err != nil {
		return nil, nil, err
	}
	if found == nil {
		found = wanted
		err = r.Client.Create(ctx, found)
	}
	switch {
	case apierrors.IsInvalid(err):
		return nil, &status.TestRunProblem{Reason: v1alpha1.ReasonAppNotReady, Message: err.Error(), Final: true}, nil
	case apierrors.IsForbidden(err):
		return nil, &status.TestRunProblem{Reason: v1alpha1.ReasonAppNotReady, Message: err.Error()}, nil
	case err != nil:
		return nil, nil, fmt.Errorf("making the copy %s of App %s: %w", wanted.Name, app.Name, err)
	case !metav1.IsControlledBy(found, run):
		return nil, &status.TestRunProblem{Reason: v1alpha1.ReasonAppNotReady, Final: true,
			Message: fmt.Sprintf("an App %s, which the copy of App %s would be called, is there already", found.Name, app.Name)}, nil
	}
	return found, copyProblem(found), nil
}

// copyProblem is what keeps the copy from being used; nil if nothing does.
func copyProblem(app *v1alpha1.App) *status.TestRunProblem {
	ready := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.AppConditionReady)
	if ready == nil || ready.ObservedGeneration != app.Generation {
		return &status.TestRunProblem{Reason: v1alpha1.ReasonAppNotReady, Message: fmt.Sprintf("App %s, the copy for this run, is being made", app.Name)}
	}
	if ready.Status == metav1.ConditionTrue {
		return nil
	}
	return &status.TestRunProblem{Reason: v1alpha1.ReasonAppNotReady, Final: app.Status.Phase == v1alpha1.AppFailed,
		Message: fmt.Sprintf("App %s, the copy for this run, is not ready: %s: %s", app.Name, ready.Reason, ready.Message)}
}

// deleteCopy deletes the copy of the App that the attempt which is under way has.
func (r *Reconciler) deleteCopy(ctx context.Context, run *v1alpha1.TestRun) error {
	if run.Spec.Isolation != v1alpha1.IsolationEphemeral || run.Status.AppName == "" {
		return nil
	}
	app, err := r.findApp(ctx, client.ObjectKey{Namespace: run.Namespace, Name: run.Status.AppName})
	if err != nil || app == nil || app.DeletionTimestamp != nil || !metav1.IsControlledBy(app, run) {
		return err
	}
	err = r.Client.Delete(ctx, app, client.Preconditions{UID: &app.UID}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting App %s, the copy for TestRun %s: %w", app.Name, run.Name, err)
	}
	return nil
}

// runOfCopy leads from the copy of an App to the run that waits for it.
func runOfCopy(ctx context.Context, app client.Object) []reconcile.Request {
	if app.GetAnnotations()[v1alpha1.AnnotationCopyOf] == "" {
		return nil
	}
	return runOfPod(ctx, app)
}
