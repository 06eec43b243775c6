/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package kube

import (
	"context"
	"errors"
	"fmt"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// handsOn is how many objects the Controllers write at once.
const handsOn = 8

// podIP is the address of every Pod. Nothing connects to it.
const podIP = "10.0.0.1"

// Controllers play the controllers and the kubelet of a namespace in which everything succeeds at once: a new Deployment has its
// Pods, which are ready, and a new Job is complete. They are for tests and measurements with more Apps than one
// wants to play for by hand; they do not replace the Pods of a Deployment that changes.
type Controllers struct {
	client client.Client
	// ctx ends with the Controllers; its cause is the first error.
	ctx    context.Context
	fail   context.CancelCauseFunc
	slots  chan struct{}
	tasks  sync.WaitGroup
	readyM sync.Mutex
	ready  map[string]bool
	// changed is closed, and replaced, when ready changes.
	changed chan struct{}
}

// StartControllers plays until stop is called or ctx ends.
func (s *Server) StartControllers(ctx context.Context, namespace string) (controllers *Controllers, stop func(), err error) {
	c := &Controllers{client: s.Client, slots: make(chan struct{}, handsOn), ready: map[string]bool{}, changed: make(chan struct{})}
	c.ctx, c.fail = context.WithCancelCause(ctx)
	stop = func() {
		c.fail(nil)
		c.tasks.Wait()
	}
	watched, err := cache.New(s.Config, cache.Options{
		Scheme:            s.Scheme,
		DefaultNamespaces: map[string]cache.Config{namespace: {}},
		DefaultTransform:  cache.TransformStripManagedFields(),
	})
	if err != nil {
		stop()
		return nil, nil, fmt.Errorf("making a cache: %w", err)
	}
	c.tasks.Go(func() {
		if err := watched.Start(c.ctx); err != nil {
			c.fail(fmt.Errorf("watching: %w", err))
		}
	})
	for object, see := range map[client.Object]func(any){
		&appsv1.Deployment{}: c.seeDeployment,
		&batchv1.Job{}:       c.seeJob,
		&v1alpha1.App{}:      c.seeApp,
	} {
		informer, err := watched.GetInformer(c.ctx, object)
		if err == nil {
			_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
				AddFunc:    see,
				UpdateFunc: func(_, after any) { see(after) },
			})
		}
		if err != nil {
			stop()
			return nil, nil, fmt.Errorf("watching %T: %w", object, err)
		}
	}
	return c, stop, nil
}

// WaitReady waits until n Apps of the namespace, none of which may be deleted meanwhile, are Ready.
func (c *Controllers) WaitReady(ctx context.Context, n int) error {
	for {
		c.readyM.Lock()
		ready, changed := len(c.ready), c.changed
		c.readyM.Unlock()
		if ready >= n {
			return nil
		}
		select {
		case <-changed:
		case <-c.ctx.Done():
			return fmt.Errorf("playing the controllers: %w", context.Cause(c.ctx))
		case <-ctx.Done():
			return fmt.Errorf("waiting until %d Apps are Ready, %d are: %w", n, ready, context.Cause(ctx))
		}
	}
}

func (c *Controllers) seeApp(o any) {
	app, ok := o.(*v1alpha1.App)
	if !ok {
		return
	}
	condition := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.AppConditionReady)
	ready := condition != nil && condition.Status == metav1.ConditionTrue && condition.ObservedGeneration == app.Generation

	c.readyM.Lock()
	defer c.readyM.Unlock()
	if c.ready[app.Name] == ready {
		return
	}
	delete(c.ready, app.Name)
	if ready {
		c.ready[app.Name] = true
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Controllers) seeDeployment(o any) {
	d, ok := o.(*appsv1.Deployment)
	if !ok || d.Status.ObservedGeneration == d.Generation {
		return
	}
	c.do("rolling out "+d.Name, func() error { return c.rollOut(d.DeepCopy()) })
}

func (c *Controllers) seeJob(o any) {
	job, ok := o.(*batchv1.Job)
	if !ok || job.Status.CompletionTime != nil {
		return
	}
	c.do("completing "+job.Name, func() error { return c.complete(job.DeepCopy()) })
}

// do works aside, so that the watches go on. What is gone by then needs nothing more.
func (c *Controllers) do(what string, work func() error) {
	select {
	case c.slots <- struct{}{}:
	case <-c.ctx.Done():
		return
	}
	c.tasks.Go(func() {
		defer func() { <-c.slots }()
		if err := work(); client.IgnoreNotFound(err) != nil && !errors.Is(err, context.Canceled) {
			c.fail(fmt.Errorf("%s: %w", what, err))
		}
	})
}

func (c *Controllers) rollOut(d *appsv1.Deployment) error {
	n := *d.Spec.Replicas
	for i := range n {
		if err := c.runPod(d, fmt.Sprintf("%s-%d", d.Name, i)); err != nil {
			return err
		}
	}
	before := d.DeepCopy()
	d.Status = appsv1.DeploymentStatus{
		ObservedGeneration: d.Generation, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n,
	}
	return c.client.Status().Patch(c.ctx, d, client.MergeFrom(before))
}

func (c *Controllers) runPod(d *appsv1.Deployment, name string) error {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: name, Labels: d.Spec.Template.Labels, Annotations: d.Spec.Template.Annotations},
		Spec:       d.Spec.Template.Spec,
	}
	if err := c.client.Create(c.ctx, pod); err != nil {
		// The Deployment was seen twice before its status was written.
		if apierrors.IsAlreadyExists(err) {
			return nil
		}
		return err
	}
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: podIP, PodIPs: []corev1.PodIP{{IP: podIP}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}
	return c.client.Status().Update(c.ctx, pod)
}

func (c *Controllers) complete(job *batchv1.Job) error {
	before, now := job.DeepCopy(), metav1.Now()
	job.Status = batchv1.JobStatus{StartTime: &now, CompletionTime: &now, Succeeded: 1, Conditions: []batchv1.JobCondition{
		{Type: batchv1.JobSuccessCriteriaMet, Status: corev1.ConditionTrue},
		{Type: batchv1.JobComplete, Status: corev1.ConditionTrue},
	}}
	return c.client.Status().Patch(c.ctx, job, client.MergeFrom(before))
}
