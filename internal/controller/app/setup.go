/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/desired"
)

// eventSource is who reports the Events.
const eventSource = "topas.dev/app-controller"

// childrenOf is the index by which the children of an App are found, at a cost that does not grow with the number
// of Apps.
const childrenOf = "childrenOfApp"

// Options tune the reconciler.
type Options struct {
	// MaxConcurrentReconciles is how many Apps are worked on at once, 1 if it is 0.
	MaxConcurrentReconciles int
}

// CacheByObject keeps everything that TOPAS did not make out of the manager's caches. The reconciler needs
// managedFields of all kinds but Pods: no other transformation may take them away.
func CacheByObject() map[client.Object]cache.ByObject {
	ours := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{desired.LabelManagedBy: desired.ManagedBy})}
	pods := ours
	pods.Transform = cache.TransformStripManagedFields()
	// The bundles of TestRuns are ConfigMaps too, and large.
	schemas := cache.ByObject{Label: labels.SelectorFromSet(labels.Set{
		desired.LabelManagedBy: desired.ManagedBy, desired.LabelComponent: desired.ComponentSchema,
	})}
	return map[client.Object]cache.ByObject{
		&corev1.Pod{}:                   pods,
		&corev1.Secret{}:                ours,
		&corev1.ConfigMap{}:             schemas,
		&corev1.PersistentVolumeClaim{}: ours,
		&corev1.Service{}:               ours,
		&appsv1.Deployment{}:            ours,
		&batchv1.Job{}:                  ours,
	}
}

// SetupWithManager makes the manager reconcile Apps. The manager's cache must have the options of CacheByObject.
func SetupWithManager(ctx context.Context, mgr ctrl.Manager, options Options) error {
	r := &Reconciler{
		cached: mgr.GetClient(),
		live:   mgr.GetAPIReader(),
		events: mgr.GetEventRecorder(eventSource),
		now:    time.Now,
	}
	for object := range CacheByObject() {
		if err := mgr.GetFieldIndexer().IndexField(ctx, object, childrenOf, appOf); err != nil {
			return fmt.Errorf("indexing %T by App: %w", object, err)
		}
	}
	err := ctrl.NewControllerManagedBy(mgr).
		Named("app").
		// Changes of the status are let through: a pass that worked on an outdated App is thereby made good.
		For(&v1alpha1.App{}).
		Owns(&appsv1.Deployment{}).
		Owns(&batchv1.Job{}).
		Owns(&corev1.Service{}).
		Owns(&corev1.Secret{}).
		Owns(&corev1.ConfigMap{}).
		Owns(&corev1.PersistentVolumeClaim{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(appOfPod), builder.WithPredicates(podChanges())).
		WithOptions(controller.Options{MaxConcurrentReconciles: options.MaxConcurrentReconciles}).
		Complete(r)
	if err != nil {
		return fmt.Errorf("setting up the App controller: %w", err)
	}
	return nil
}

// appOf returns the App that the object is a part of, if any. Objects of TestRuns are parts of no App.
func appOf(object client.Object) []string {
	l := object.GetLabels()
	switch l[desired.LabelComponent] {
	case desired.ComponentService, desired.ComponentDatabase, desired.ComponentSchema:
		return []string{l[desired.LabelApp]}
	default:
		return nil
	}
}

func appOfPod(_ context.Context, pod client.Object) []reconcile.Request {
	var requests []reconcile.Request
	for _, name := range appOf(pod) {
		requests = append(requests, reconcile.Request{
			NamespacedName: types.NamespacedName{Namespace: pod.GetNamespace(), Name: name},
		})
	}
	return requests
}

// podChanges lets through what can change the status of an App.
func podChanges() predicate.Funcs {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*corev1.Pod)
		after, ok2 := e.ObjectNew.(*corev1.Pod)
		if !ok || !ok2 {
			return false
		}
		return before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() ||
			!equality.Semantic.DeepEqual(before.Status, after.Status)
	}}
}
