/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package app makes the cluster look like what Apps say, and writes down what it sees.
package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// conflictDelay is how long a pass waits after it saw something outdated: the caches have caught up by then.
const conflictDelay = 200 * time.Millisecond

// Reconciler brings Apps to what their specs say.
type Reconciler struct {
	// cached reads from the manager's caches and writes to the API server.
	cached client.Client
	// live reads from the API server.
	live   client.Reader
	events events.EventRecorder
	now    func() time.Time
}

// +kubebuilder:rbac:groups=topas.dev,resources=apps,verbs=get;list;watch
// +kubebuilder:rbac:groups=topas.dev,resources=apps/status,verbs=patch
// +kubebuilder:rbac:groups=topas.dev,resources=apps/finalizers,verbs=update
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=services;secrets;configmaps;persistentvolumeclaims,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile makes one pass over an App. It never waits: what is not there yet wakes it by a watch.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	app := &v1alpha1.App{}
	if err := r.cached.Get(ctx, request.NamespacedName, app); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !app.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil // what the App owns goes with it
	}
	p := &pass{Reconciler: r, app: app}
	for _, step := range []func(context.Context) error{
		p.observe,
		p.applyDatabases,
		p.applySchemas,
		p.applyServices,
		p.prune,
		p.report,
	} {
		if err := step(ctx); err != nil {
			return retry(err)
		}
	}
	// What the API server refused is in the status; it is tried again with a growing delay.
	return ctrl.Result{}, errors.Join(p.refusals...)
}

func retry(err error) (ctrl.Result, error) {
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return ctrl.Result{}, nil // the App goes with its namespace
	}
	if apierrors.IsConflict(err) {
		return ctrl.Result{RequeueAfter: conflictDelay}, nil
	}
	return ctrl.Result{}, err
}

// refusal is an object that the API server or the reconciler itself doesn't take. Other errors pass by themselves.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// refuse sorts errors of writing: those that somebody has to mend become a refusal.
func refuse(what string, err error) error {
	err = fmt.Errorf("applying %s: %w", what, err)
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return err
	}
	if apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) ||
		apierrors.IsRequestEntityTooLargeError(err) {
		return &refusal{err}
	}
	return err
}

// noteRefusal keeps a refusal for the status and returns its words. Any other error comes back.
func (p *pass) noteRefusal(err error) (string, error) {
	refused := &refusal{}
	if !errors.As(err, &refused) {
		return "", err
	}
	p.refusals = append(p.refusals, refused)
	return refused.Error(), nil
}
