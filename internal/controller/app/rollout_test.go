/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/desired"
)

func TestDatabasesComeBeforeSchemasBeforeServices(t *testing.T) {
	w := newWorld(t)
	w.create(shop())

	w.exists("shop-db", &corev1.Secret{})
	w.exists("shop-db", &corev1.Service{})
	w.exists("shop-db", &appsv1.Deployment{})
	status := w.condition(v1alpha1.AppConditionReady, metav1.ConditionFalse, v1alpha1.AppReasonDatabaseNotReady)
	if status.Phase != v1alpha1.AppProgressing {
		t.Errorf("phase is %s, want Progressing", status.Phase)
	}
	w.noJobs()
	w.missing("shop-web", &appsv1.Deployment{})

	w.startDatabase()
	job := w.schemaJob()
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionFalse, v1alpha1.AppReasonSchemaPending)
	w.missing("shop-web", &appsv1.Deployment{})

	w.completeJob(job)
	w.exists("shop-web", &appsv1.Deployment{})
	w.exists("shop-web", &corev1.Service{})
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionFalse, v1alpha1.AppReasonRollingOut)

	w.rollOut("shop-web")
	got := w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
	want := v1alpha1.AppStatus{
		ObservedGeneration: 1,
		Phase:              v1alpha1.AppReady,
		ReadyServices:      "1/1",
		ReadyDatabases:     "1/1",
		Services: []v1alpha1.ServiceStatus{{
			Name: "web", Image: "my-org/web:v1.0.0", DesiredReplicas: 1, ReadyReplicas: 1, Ready: true,
			Address: "shop-web." + w.namespace + ".svc:8080",
		}},
		Databases: []v1alpha1.DatabaseStatus{{
			Name: "db", Ready: true, SchemaHash: desired.SchemaHash(usersDatabase()),
			Address: "shop-db." + w.namespace + ".svc:5432",
		}},
		Conditions: []metav1.Condition{
			{Type: "Ready", Status: "True", ObservedGeneration: 1, Reason: "AllReady", Message: "every service and database runs as the spec says"},
			{Type: "SchemaReady", Status: "True", ObservedGeneration: 1, Reason: "SchemaApplied", Message: "every database has its schema"},
			{Type: "Progressing", Status: "False", ObservedGeneration: 1, Reason: "RolledOut", Message: "nothing is on its way"},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(metav1.Condition{}, "LastTransitionTime")); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	w.quiet()
}

func (w *world) noJobs() {
	w.Helper()
	var jobs batchv1.JobList
	w.must(w.List(w.Context(), &jobs, client.InNamespace(w.namespace)))
	if len(jobs.Items) != 0 {
		w.Fatalf("%d Jobs, want none yet", len(jobs.Items))
	}
}

func TestANewVersionIsNotReadyBeforeItIsRolledOut(t *testing.T) {
	w := newWorld(t)
	w.startShop()
	w.change(func(s *v1alpha1.AppSpec) { s.Services[0].EnvVars = map[string]string{"MODE": "b"} })
	// Whoever looks at generation 2 must never see the readiness of generation 1.
	w.eventually("wait for the status of generation 2", func() error {
		app := &v1alpha1.App{}
		w.must(w.get("shop", app))
		if app.Status.ObservedGeneration == 2 && app.Status.Phase != v1alpha1.AppProgressing {
			t.Fatalf("first status of generation 2 is %+v, want Progressing", app.Status)
		}
		if app.Status.ObservedGeneration != 2 {
			return errNotYet
		}
		return nil
	})
	w.rollOut("shop-web")
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
}

func TestReplicasThatTheSpecLeavesOutBelongToWhoScales(t *testing.T) {
	w := newWorld(t)
	w.create(v1alpha1.AppSpec{Services: []v1alpha1.ServiceSpec{webService()}})
	d := &appsv1.Deployment{}
	w.exists("shop-web", d)
	scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 5}}
	w.must(w.SubResource("scale").Update(t.Context(), d, client.WithSubResourceBody(scale)))

	w.change(func(s *v1alpha1.AppSpec) { s.Services[0].Version = "v2.0.0" })
	w.eventually("wait for the new version", func() error {
		w.must(w.get("shop-web", d))
		if d.Spec.Template.Spec.Containers[0].Image != "my-org/web:v2.0.0" {
			return errNotYet
		}
		return nil
	})
	if *d.Spec.Replicas != 5 {
		t.Errorf("replicas are %d, want the 5 that they were scaled to", *d.Spec.Replicas)
	}
	w.rollOut("shop-web")
	status := w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
	if got := status.Services[0].DesiredReplicas; got != 5 {
		t.Errorf("desiredReplicas is %d, want 5", got)
	}
	w.quiet()
}

func TestReplicasThatLeaveTheSpecKeepTheirNumber(t *testing.T) {
	w := newWorld(t)
	w.create(v1alpha1.AppSpec{Services: []v1alpha1.ServiceSpec{func() v1alpha1.ServiceSpec {
		s, three := webService(), int32(3)
		s.Replicas = &three
		return s
	}()}})
	w.rollOut("shop-web")
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)

	w.change(func(s *v1alpha1.AppSpec) { s.Services[0].Replicas = nil })
	status := w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
	if got := status.Services[0].DesiredReplicas; got != 3 {
		t.Errorf("desiredReplicas is %d, want the 3 that there were", got)
	}
	// From now on they belong to whoever scales.
	d := &appsv1.Deployment{}
	w.must(w.get("shop-web", d))
	scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 5}}
	w.must(w.SubResource("scale").Update(t.Context(), d, client.WithSubResourceBody(scale)))
	w.settled()
	w.rollOut("shop-web")
	w.settled()
	w.must(w.get("shop-web", d))
	if *d.Spec.Replicas != 5 {
		t.Errorf("replicas are %d, want the 5 that they were scaled to", *d.Spec.Replicas)
	}
	w.quiet()
}

func TestADeletedServiceDoesNotWaitForTheDatabase(t *testing.T) {
	w := newWorld(t)
	_, pod := w.startShop()
	d := &appsv1.Deployment{}
	w.must(w.get("shop-db", d))
	d.Status.ReadyReplicas, d.Status.AvailableReplicas = 0, 0
	w.must(w.Status().Update(t.Context(), d))
	w.killPod(pod)
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionFalse, v1alpha1.AppReasonDatabaseNotReady)

	w.must(w.get("shop-web", d))
	w.must(w.Delete(t.Context(), d))
	w.exists("shop-web", &appsv1.Deployment{})
}

func TestWhatTheSpecNoLongerNamesIsPruned(t *testing.T) {
	w := newWorld(t)
	app, pod := w.startShop()
	job := w.schemaJob()
	// Somebody's ConfigMap that only looks like one of the App's.
	stranger := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Namespace: w.namespace, Name: "stranger", Labels: desired.AppLabels(app.Name, "gone", desired.ComponentSchema),
	}}
	w.must(w.Create(t.Context(), stranger))

	w.change(func(s *v1alpha1.AppSpec) {
		s.Services = []v1alpha1.ServiceSpec{{Name: "api", Image: "my-org/api", Version: "v1", Port: 80}}
		s.Databases = nil
	})
	w.exists("shop-api", &appsv1.Deployment{})
	w.absent("shop-web", &appsv1.Deployment{})
	w.absent("shop-web", &corev1.Service{})
	w.absent("shop-db", &appsv1.Deployment{})
	w.absent("shop-db", &corev1.Service{})
	w.absent("shop-db", &corev1.Secret{})
	w.absent(job.Name, &batchv1.Job{})
	w.absent(job.Name, &corev1.ConfigMap{})
	w.killPod(pod)
	w.rollOut("shop-api")
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
	w.quiet()
	w.exists("stranger", &corev1.ConfigMap{})
}
