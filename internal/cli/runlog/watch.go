/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// watcher keeps a run and its Pods up to date.
type watcher struct {
	client client.WithWatch
	// asked is the run as it was when the watch began.
	asked   *v1alpha1.TestRun
	runs    cache.SharedIndexInformer
	pods    cache.SharedIndexInformer
	changed chan struct{}
}

// watchRun begins to watch. It returns when the first state of the run and its Pods is there.
// Interruptions of the watch are told to say; the watch goes on after them.
func watchRun(ctx context.Context, c client.WithWatch, run *v1alpha1.TestRun, say Say) (*watcher, error) {
	// A watch that is not allowed is tried for ever; a list says so at once.
	if _, err := listPods(ctx, c, run); err != nil {
		return nil, err
	}
	w := newWatcher(c, run)
	w.pods = w.informer(&corev1.Pod{}, func() client.ObjectList { return &corev1.PodList{} },
		client.ListOptions{Namespace: run.Namespace, LabelSelector: podSelector(run)})
	return w, w.start(ctx, say, w.runs, w.pods)
}

// newWatcher returns one that has yet to be started, without Pods.
func newWatcher(c client.WithWatch, run *v1alpha1.TestRun) *watcher {
	w := &watcher{client: c, asked: run, changed: make(chan struct{}, 1)}
	w.runs = w.informer(&v1alpha1.TestRun{}, func() client.ObjectList { return &v1alpha1.TestRunList{} },
		client.ListOptions{Namespace: run.Namespace, FieldSelector: named(run)})
	return w
}

// start returns when the first state of what the informers watch is there.
func (w *watcher) start(ctx context.Context, say Say, informers ...cache.SharedIndexInformer) error {
	for _, informer := range informers {
		if err := w.startOne(ctx, informer, say); err != nil {
			return fmt.Errorf("watching testrun %s: %w", w.asked.Name, err)
		}
	}
	for _, informer := range informers {
		select {
		case <-informer.HasSyncedChecker().Done():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func podSelector(run *v1alpha1.TestRun) labels.Selector {
	return labels.SelectorFromSet(labels.Set{v1alpha1.LabelTestRun: run.Name})
}

func named(run *v1alpha1.TestRun) fields.Selector {
	return fields.OneTermEqualSelector(metav1.ObjectNameField, run.Name)
}

func (w *watcher) informer(kind runtime.Object, newList func() client.ObjectList, scope client.ListOptions) cache.SharedIndexInformer {
	return cache.NewSharedIndexInformer(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, raw metav1.ListOptions) (runtime.Object, error) {
			list, opts := newList(), scope
			opts.Raw = &raw
			return list, w.client.List(ctx, list, &opts)
		},
		WatchFuncWithContext: func(ctx context.Context, raw metav1.ListOptions) (watch.Interface, error) {
			opts := scope
			opts.Raw = &raw
			return w.client.Watch(ctx, newList(), &opts)
		},
	}, kind, 0, nil)
}

func (w *watcher) startOne(ctx context.Context, informer cache.SharedIndexInformer, say Say) error {
	err := informer.SetWatchErrorHandlerWithContext(func(ctx context.Context, _ *cache.Reflector, err error) {
		// Watches end and expire all the time; that is no news.
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if ctx.Err() == nil && !ended && !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) {
			say("Watching the run failed (%v): trying again\n", err)
		}
	})
	if err != nil {
		return err
	}
	tell := func(any) {
		select {
		case w.changed <- struct{}{}:
		default:
		}
	}
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: tell, DeleteFunc: tell, UpdateFunc: func(_, obj any) { tell(obj) },
	})
	if err != nil {
		return err
	}
	go informer.RunWithContext(ctx)
	return nil
}

// run returns the run, or nil when it has been deleted.
func (w *watcher) run() *v1alpha1.TestRun {
	for _, obj := range w.runs.GetStore().List() {
		if run, ok := obj.(*v1alpha1.TestRun); ok && run.UID == w.asked.UID {
			return run
		}
	}
	return nil
}

// pod returns the Pod of an attempt, or nil.
func (w *watcher) pod(attempt int32) *corev1.Pod {
	all := pods{}
	for _, obj := range w.pods.GetStore().List() {
		if pod, ok := obj.(*corev1.Pod); ok {
			all.add(pod, w.asked)
		}
	}
	return all[attempt]
}

// hasEnded reports whether nothing more can be written to the log of a container.
func (w *watcher) hasEnded(attempt int32, container string) bool {
	run, pod := w.run(), w.pod(attempt)
	if run == nil || pod == nil || attemptEnded(run, attempt) {
		return true
	}
	status := containerStatus(pod, container)
	return status != nil && status.State.Terminated != nil
}

// wait returns when something has changed since it last returned.
func (w *watcher) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.changed:
		return nil
	}
}

// changedWithin returns when something has changed, but after d at the latest.
func (w *watcher) changedWithin(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.changed:
	case <-timer.C:
	}
	return nil
}
