/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// watch shows the observer all Pods and runs of the namespace until ctx ends, and lists them anew when the API server was gone.
func (o *observer) watch(ctx context.Context, w *world) {
	follow(ctx, w, &corev1.Pod{}, func() client.ObjectList { return &corev1.PodList{} }, stream[*corev1.Pod]{
		see: o.seePods, gone: func(pod *corev1.Pod) { o.podGone(pod.UID) },
	})
	follow(ctx, w, &v1alpha1.TestRun{}, func() client.ObjectList { return &v1alpha1.TestRunList{} }, stream[*v1alpha1.TestRun]{
		see: o.seeRuns, gone: func(run *v1alpha1.TestRun) { o.runGone(run.UID) },
	})
}

// follow runs a Reflector on what is both a list and a watch of one kind. A Reflector hands everything over in the order of the
// API server, which an informer with its queue by name would not.
func follow[T client.Object](ctx context.Context, w *world, object T, newList func() client.ObjectList, to stream[T]) {
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			list := newList()
			return list, w.cluster.List(ctx, list, client.InNamespace(w.namespace), &client.ListOptions{Raw: &o})
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return w.cluster.Watch(ctx, newList(), client.InNamespace(w.namespace), &client.ListOptions{Raw: &o})
		},
	}
	go cache.NewReflectorWithOptions(source, object, to, cache.ReflectorOptions{}).RunWithContext(ctx)
}

// stream is the store of a Reflector that keeps nothing.
type stream[T client.Object] struct {
	see  func(all bool, objects ...T)
	gone func(object T)
}

// Add implements cache.ReflectorStore.
func (s stream[T]) Add(object any) error { return s.Update(object) }

// Update implements cache.ReflectorStore.
func (s stream[T]) Update(object any) error {
	typed, err := as[T](object)
	if err == nil {
		s.see(false, typed)
	}
	return err
}

// Delete implements cache.ReflectorStore.
func (s stream[T]) Delete(object any) error {
	typed, err := as[T](object)
	if err == nil {
		s.gone(typed)
	}
	return err
}

// Replace implements cache.ReflectorStore.
func (s stream[T]) Replace(objects []any, _ string) error {
	all := make([]T, 0, len(objects))
	for _, object := range objects {
		typed, err := as[T](object)
		if err != nil {
			return err
		}
		all = append(all, typed)
	}
	s.see(true, all...)
	return nil
}

// Resync implements cache.ReflectorStore.
func (s stream[T]) Resync() error { return nil }

func as[T client.Object](object any) (T, error) {
	typed, ok := object.(T)
	if !ok {
		return typed, fmt.Errorf("a %T came where a %T was to come", object, typed)
	}
	return typed, nil
}
