/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package testrun brings TestRuns to their verdict.
package testrun

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/internal/queue"
	"github.com/topas-dev/topas/internal/status"
)

// Execution carries runs out. All of its methods can be repeated.
type Execution interface {
	// Start brings the execution of the run into being and returns what can be seen of it.
	Start(ctx context.Context, run *v1alpha1.TestRun, app *v1alpha1.App) (contract.Observation, error)
	// Observe says how far the run has come.
	Observe(ctx context.Context, run *v1alpha1.TestRun) (contract.Observation, error)
	// Cancel ends the execution, if there is one, gives the script time to clean up, and keeps the log. It returns what can be
	// seen of the execution.
	Cancel(ctx context.Context, run *v1alpha1.TestRun) (contract.Observation, error)
	// Stop ends the execution, if there is one.
	Stop(ctx context.Context, run *v1alpha1.TestRun) error
	// Alive returns what may still be under way, also of runs that don't exist any more.
	Alive(ctx context.Context) ([]contract.Alive, error)
}

// Metrics is told what becomes of the runs.
type Metrics interface {
	// Admitted is called for every run that gets a slot, Finished for every one that ends, and Ran for those of them whose
	// script was started.
	Admitted(waited time.Duration)
	Finished(state, reason string)
	Ran(state string, took time.Duration)
}

// Reconciler brings TestRuns to their verdict, at most as many at once as the queue has slots.
type Reconciler struct {
	// Client reads from the cache and writes. Live reads from the API server itself.
	Client    client.Client
	Live      client.Reader
	Execution Execution
	Queue     *queue.Queue
	Metrics   Metrics
	Events    events.EventRecorder
	// StartDeadline is how long a run that has a slot may take until its script starts.
	StartDeadline time.Duration
	// DefaultTTL is how long a run is kept after its end that says nothing of it; 0 for as long as nobody deletes it.
	DefaultTTL time.Duration
	// PositionInterval is how often positions in the queue are put right.
	PositionInterval time.Duration
	// Now is the time, time.Now outside of tests.
	Now func() time.Time

	slots slots
}

// conflictDelay gives the cache time to catch up with a write that this one has lost against.
const conflictDelay = 200 * time.Millisecond

// errOutdated says that a decision was made on an old state of the run, and has to be made again.
var errOutdated = errors.New("the run has changed meanwhile")

// +kubebuilder:rbac:groups=topas.dev,resources=testruns,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=topas.dev,resources=testruns/status,verbs=patch
// +kubebuilder:rbac:groups=topas.dev,resources=testruns/finalizers,verbs=update
// +kubebuilder:rbac:groups=topas.dev,resources=apps,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups=topas.dev,resources=apps/finalizers,verbs=update
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=configmaps;serviceaccounts,verbs=get;create
// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;create;delete
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=rolebindings,verbs=get;create
// +kubebuilder:rbac:groups=rbac.authorization.k8s.io,resources=clusterroles,resourceNames=topas-runner,verbs=bind
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile takes one run a step further. Every step can be repeated, and what was done is read from the cluster, so that
// it does not matter where an earlier manager was stopped.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	if err := r.restoreSlots(ctx); err != nil {
		return ctrl.Result{}, err
	}
	run, err := r.get(ctx, request.NamespacedName)
	if err != nil {
		return ctrl.Result{}, err
	}
	if err := r.releaseFormer(ctx, request.NamespacedName, run.UID); err != nil {
		return ctrl.Result{}, err
	}
	if run.UID == "" {
		return ctrl.Result{}, nil
	}
	if run.Status.State.Finished() || run.DeletionTimestamp != nil {
		return r.conclude(ctx, run)
	}
	result, err := r.advance(ctx, run)
	if apierrors.IsConflict(err) || errors.Is(err, errOutdated) {
		return ctrl.Result{RequeueAfter: conflictDelay}, nil
	}
	return result, err
}

// advance observes, acts and records, in this order.
func (r *Reconciler) advance(ctx context.Context, run *v1alpha1.TestRun) (ctrl.Result, error) {
	facts, err := r.gather(ctx, run)
	if err != nil {
		return ctrl.Result{}, err
	}
	switch {
	case facts.Seen.Stage == contract.StageEnded:
	case run.Spec.Cancel:
		facts.Seen, err = r.Execution.Cancel(ctx, run)
	case facts.Admitted && run.Status.PodName == "":
		err = r.start(ctx, run, &facts)
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	after := status.TestRun(run, facts)
	if after.State.Finished() || after.Attempt() > run.Status.Attempt() {
		// This comes before the attempt's end is written down: nobody would look at it afterwards.
		if err := r.leaveApp(ctx, run); err != nil {
			return ctrl.Result{}, err
		}
	}
	if err := r.record(ctx, run, after); err != nil {
		return ctrl.Result{}, err
	}
	if after.State.Finished() {
		return r.conclude(ctx, run)
	}
	return r.nextLook(after, facts), nil
}

// get returns the run, or an empty one when there is none.
func (r *Reconciler) get(ctx context.Context, name types.NamespacedName) (*v1alpha1.TestRun, error) {
	run := &v1alpha1.TestRun{}
	err := r.Client.Get(ctx, name, run)
	if apierrors.IsNotFound(err) {
		return &v1alpha1.TestRun{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading TestRun %s: %w", name, err)
	}
	return run, nil
}

// gather sees how the run stands. Whatever is carried out already has a slot, and anything else gets one in its turn.
func (r *Reconciler) gather(ctx context.Context, run *v1alpha1.TestRun) (status.TestRunFacts, error) {
	seen, err := r.Execution.Observe(ctx, run)
	if err != nil {
		return status.TestRunFacts{}, err
	}
	if seen.Alive {
		r.Queue.Hold(entry(run))
	}
	if !run.Spec.Cancel {
		r.wake(ctx, r.Queue.Add(entry(run)), run.UID)
	}
	limits := r.Queue.Limits()
	return status.TestRunFacts{
		Now:            r.Now(),
		Admitted:       r.Queue.Admitted(run.UID),
		Slots:          limits.Total,
		NamespaceSlots: limits.PerNamespace,
		Position:       r.Queue.Position(run.UID),
		Isolation:      run.Spec.Isolation,
		Retries:        int(run.Spec.Retries),
		Canceled:       run.Spec.Cancel,
		Seen:           seen,
		Since:          r.slots.restored,
		StartDeadline:  r.StartDeadline,
		Backstop:       backstop(run),
	}, nil
}

// nextLook asks for another look at the run at the time at which it may have to be ended although nothing changes.
func (r *Reconciler) nextLook(s v1alpha1.TestRunStatus, facts status.TestRunFacts) ctrl.Result {
	deadline := status.TestRunDeadline(s, facts)
	if deadline.IsZero() {
		return ctrl.Result{}
	}
	wait := max(deadline.Sub(facts.Now), time.Millisecond)
	if facts.Problem != nil {
		wait = min(wait, startRetry)
	}
	return ctrl.Result{RequeueAfter: wait}
}
