/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/servers/kube"
)

// world is a namespace with the App "shop", in which managers come and go. The test plays the controllers and the kubelet.
type world struct {
	t         *testing.T
	server    *kube.Server
	namespace string
	history   *history
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server := kube.Start(t)
	w := &world{t: t, server: server, namespace: server.NewNamespace(t, "pod-security.kubernetes.io/enforce=restricted")}
	grant(t, server, w.namespace)
	w.history = w.watch()
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) list(list client.ObjectList) {
	w.t.Helper()
	w.must(w.server.Client.List(w.t.Context(), list, client.InNamespace(w.namespace)))
}

func (w *world) app() *v1alpha1.App {
	w.t.Helper()
	app := &v1alpha1.App{}
	w.must(w.server.Client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: "shop"}, app))
	return app
}

// install makes the App.
func (w *world) install() {
	w.t.Helper()
	two := int32(2)
	create(w.t, w.server, &v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "shop"},
		Spec: v1alpha1.AppSpec{
			Services: []v1alpha1.ServiceSpec{
				{Name: "web", Image: "my-org/web", Version: "v1", Port: 80, Replicas: &two, EnvVars: map[string]string{"MODE": "a"}},
				{Name: "api", Image: "my-org/api", Version: "v1", Port: 8080},
			},
			Databases: []v1alpha1.DatabaseSpec{{
				Name: "db", Image: "postgres:15", InitSQL: "CREATE TABLE users (name text);",
				Credentials: map[string]string{"user": "admin", "password": "s3cret", "dbname": "shop"},
			}},
		},
	})
}

// upgrade gives one service another version, replaces the other one by a new one, and changes the schema.
func (w *world) upgrade() {
	w.t.Helper()
	app := w.app()
	app.Spec.Services[0].Version = "v2"
	app.Spec.Services[1] = v1alpha1.ServiceSpec{Name: "cart", Image: "my-org/cart", Version: "v1", Port: 8080}
	app.Spec.Databases[0].InitSQL = "CREATE TABLE IF NOT EXISTS users (name text);"
	w.must(w.server.Client.Update(w.t.Context(), app))
}

// drive lets the cluster do one thing each time that the manager has nothing left to do. It returns true when neither has,
// and the App is ready, and false when the manager was killed.
func (w *world) drive(p *process) bool {
	w.t.Helper()
	settled, before := false, 0
	eventually(w.t, "the App is as its spec says", func() (bool, any) {
		passes, rests := p.passes()
		if p.dead() {
			return true, nil
		}
		if !rests || passes == before {
			return false, fmt.Sprintf("a manager at work, after %d passes", passes)
		}
		if w.step() {
			before = passes
			return false, "a cluster that goes on"
		}
		app := w.app()
		ready := meta.FindStatusCondition(app.Status.Conditions, v1alpha1.AppConditionReady)
		settled = ready != nil && ready.Status == metav1.ConditionTrue && ready.ObservedGeneration == app.Generation
		return settled, app.Status
	})
	return settled
}

// step does one thing that a cluster would do, and reports whether there was any.
func (w *world) step() bool {
	w.t.Helper()
	var (
		deployments appsv1.DeploymentList
		jobs        batchv1.JobList
		pods        corev1.PodList
	)
	w.list(&pods) // before their owners
	w.list(&deployments)
	w.list(&jobs)
	owners := map[string]bool{}
	for i := range deployments.Items {
		d := &deployments.Items[i]
		owners[d.Name] = true
		if d.Status.ObservedGeneration != d.Generation {
			w.rollOut(d, pods.Items)
			return true
		}
	}
	for i := range jobs.Items {
		if len(jobs.Items[i].Status.Conditions) == 0 {
			w.complete(&jobs.Items[i])
			return true
		}
	}
	for i := range pods.Items {
		if !owners[metav1.GetControllerOf(&pods.Items[i]).Name] {
			w.delete(&pods.Items[i])
			return true
		}
	}
	return false
}

// rollOut replaces the Pods of the Deployment by one that is ready: each generation is another rollout.
func (w *world) rollOut(d *appsv1.Deployment, pods []corev1.Pod) {
	w.t.Helper()
	for i := range pods {
		if metav1.IsControlledBy(&pods[i], d) {
			w.delete(&pods[i])
		}
	}
	pod := &corev1.Pod{ObjectMeta: *d.Spec.Template.ObjectMeta.DeepCopy(), Spec: d.Spec.Template.Spec}
	pod.Namespace, pod.Name = d.Namespace, fmt.Sprintf("%s-%d", d.Name, d.Generation)
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))}
	create(w.t, w.server, pod)
	w.report(pod, func() {
		pod.Status = corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: "10.0.0.1", PodIPs: []corev1.PodIP{{IP: "10.0.0.1"}},
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		}
	})
	w.report(d, func() {
		n := *d.Spec.Replicas
		d.Status = appsv1.DeploymentStatus{
			ObservedGeneration: d.Generation, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n,
		}
	})
}

func (w *world) complete(job *batchv1.Job) {
	w.t.Helper()
	w.report(job, func() {
		now := metav1.Now()
		job.Status = batchv1.JobStatus{StartTime: &now, CompletionTime: &now, Succeeded: 1, Conditions: []batchv1.JobCondition{
			{Type: batchv1.JobSuccessCriteriaMet, Status: corev1.ConditionTrue},
			{Type: batchv1.JobComplete, Status: corev1.ConditionTrue},
		}}
	})
}

// report writes a status, whatever a manager may be doing to the object.
func (w *world) report(object client.Object, change func()) {
	w.t.Helper()
	before, _ := object.DeepCopyObject().(client.Object)
	change()
	w.must(w.server.Client.Status().Patch(w.t.Context(), object, client.MergeFrom(before)))
}

func (w *world) delete(object client.Object) {
	w.t.Helper()
	w.must(w.server.Client.Delete(w.t.Context(), object, client.GracePeriodSeconds(0)))
}
