/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package kube

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

func TestControllers(t *testing.T) {
	server := Start(t)
	namespace := server.NewNamespace(t)
	controllers, stop, err := server.StartControllers(t.Context(), namespace)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	two := int32(2)
	labels := map[string]string{"app": "web"}
	pod := corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "web"}}}
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"}, Spec: appsv1.DeploymentSpec{
		Replicas: &two, Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod}}}
	pod.RestartPolicy = corev1.RestartPolicyNever
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "once"}, Spec: batchv1.JobSpec{
		Template: corev1.PodTemplateSpec{Spec: pod}}}
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop"}}
	for _, object := range []client.Object{deployment, job, app} {
		if err := server.Client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}

	eventually(t, server, deployment, func() bool { return deployment.Status.ObservedGeneration == deployment.Generation })
	want := appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 2, UpdatedReplicas: 2, ReadyReplicas: 2, AvailableReplicas: 2}
	if diff := cmp.Diff(want, deployment.Status); diff != "" {
		t.Errorf("status of the Deployment (-want +got):\n%s", diff)
	}
	for _, name := range []string{"web-0", "web-1"} {
		got := &corev1.Pod{}
		if err := server.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, got); err != nil {
			t.Fatal(err)
		}
		if got.Status.PodIP == "" || len(got.Status.Conditions) != 1 || got.Labels["app"] != "web" {
			t.Errorf("Pod %s has labels %v and status %+v, want a ready Pod of the Deployment", name, got.Labels, got.Status)
		}
	}
	eventually(t, server, job, func() bool { return job.Status.CompletionTime != nil })

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := controllers.WaitReady(canceled, 1); err == nil {
		t.Error("an App without status counts as Ready")
	}
	app.Status = v1alpha1.AppStatus{Phase: v1alpha1.AppReady, Conditions: []metav1.Condition{{
		Type: v1alpha1.AppConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.AppReasonReady,
		ObservedGeneration: app.Generation, LastTransitionTime: metav1.Now(),
	}}}
	if err := server.Client.Status().Update(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	if err := controllers.WaitReady(t.Context(), 1); err != nil {
		t.Error(err)
	}
}

// eventually reads the object until the condition holds.
func eventually(t *testing.T, server *Server, object client.Object, condition func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := server.Client.Get(ctx, client.ObjectKeyFromObject(object), object)
		return condition(), err
	})
	if err != nil {
		t.Fatalf("waiting for a change of %T %s: %v", object, object.GetName(), err)
	}
}
