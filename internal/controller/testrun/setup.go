/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	ctrlmanager "sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/desired"
	"github.com/topas-dev/topas/internal/status"
)

// wokenBuffer is how many runs can be woken before a worker has to wait for the queue of the controller to take them.
const wokenBuffer = 1024

// CacheByObject keeps the scripts of runs that have ended out of the manager's memory. The runs may be many, and nobody looks
// at what they ran any more.
func CacheByObject() map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{&v1alpha1.TestRun{}: {Transform: func(object any) (any, error) {
		if run, ok := object.(*v1alpha1.TestRun); ok {
			run.ManagedFields = nil
			if run.Status.State.Finished() {
				run.Spec.Script, run.Spec.Files = "", nil
			}
		}
		return object, nil
	}}}
}

// SetupWithManager makes the manager reconcile TestRuns. Options say how many at a time.
func (r *Reconciler) SetupWithManager(manager ctrl.Manager, options controller.Options) error {
	r.slots.woken = make(chan woken, wokenBuffer)
	err := ctrl.NewControllerManagedBy(manager).
		For(&v1alpha1.TestRun{}, builder.WithPredicates(r.relevant())).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(runOfPod)).
		Watches(&v1alpha1.App{}, handler.EnqueueRequestsFromMapFunc(runOfCopy)).
		WatchesRawSource(source.TypedChannel(r.slots.woken, handler.TypedEnqueueRequestsFromMapFunc(wokenRun))).
		WithOptions(options).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the controller of TestRuns: %w", err)
	}
	if err := manager.Add(ctrlmanager.RunnableFunc(r.keepQueue)); err != nil {
		return fmt.Errorf("adding the keeper of the queue: %w", err)
	}
	return nil
}

// relevant lets nothing through of runs that ended long ago, of which there can be many, but when and whether they expire. The
// change to an end, and the deletion, still have a slot to free.
func (r *Reconciler) relevant() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return !finished(e.Object) || !r.expiry(e.Object).IsZero() },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return !finished(e.ObjectOld) || !finished(e.ObjectNew) || !r.expiry(e.ObjectOld).Equal(r.expiry(e.ObjectNew))
		},
		DeleteFunc:  func(event.DeleteEvent) bool { return true },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

func finished(object client.Object) bool {
	run, ok := object.(*v1alpha1.TestRun)
	return ok && run.Status.State.Finished()
}

func (r *Reconciler) expiry(object client.Object) time.Time {
	run, ok := object.(*v1alpha1.TestRun)
	if !ok {
		return time.Time{}
	}
	return status.TestRunExpiry(run, r.DefaultTTL)
}

// runOfPod goes by the label and not by the owner, so that a Pod whose owner is gone still leads to its slot.
func runOfPod(_ context.Context, pod client.Object) []reconcile.Request {
	name := pod.GetLabels()[desired.LabelTestRun]
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: pod.GetNamespace(), Name: name}}}
}

func wokenRun(_ context.Context, name types.NamespacedName) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: name}}
}
