/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// What the controllers and the kubelet of a whole cluster would do.

// rollOut says that the Deployment's Pods run, are ready, and are all that there are.
func (w *world) rollOut(name string) {
	w.Helper()
	w.eventually("roll out "+name, func() error {
		d := &appsv1.Deployment{}
		if err := w.get(name, d); err != nil {
			return err
		}
		n := *d.Spec.Replicas
		d.Status = appsv1.DeploymentStatus{
			ObservedGeneration: d.Generation, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n, AvailableReplicas: n,
		}
		return w.Status().Update(w.Context(), d)
	})
}

// startPod makes a Pod of the Deployment, which the namespace's restricted Pod Security Standard has to let in, and gives
// it this status.
func (w *world) startPod(deployment, name string, status corev1.PodStatus) *corev1.Pod {
	w.Helper()
	d := &appsv1.Deployment{}
	w.exists(deployment, d)
	return w.makePod(name, d.Spec.Template, status)
}

func (w *world) makePod(name string, template corev1.PodTemplateSpec, status corev1.PodStatus) *corev1.Pod {
	w.Helper()
	pod := &corev1.Pod{ObjectMeta: *template.ObjectMeta.DeepCopy(), Spec: template.Spec}
	pod.Namespace, pod.Name = w.namespace, name
	w.must(w.Create(w.Context(), pod))
	pod.Status = status
	w.must(w.Status().Update(w.Context(), pod))
	return pod
}

func (w *world) killPod(pod *corev1.Pod) {
	w.Helper()
	w.must(w.Delete(w.Context(), pod, client.GracePeriodSeconds(0)))
}

func runningPod(ip string) corev1.PodStatus {
	return corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}},
		Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}
}

// startDatabase makes the database "db" of the App accept connections.
func (w *world) startDatabase() *corev1.Pod {
	w.Helper()
	pod := w.startPod("shop-db", "shop-db-1", runningPod("10.0.0.1"))
	w.rollOut("shop-db")
	return pod
}

// schemaJob waits for the one Job of the App, other than the given ones.
func (w *world) schemaJob(others ...string) *batchv1.Job {
	w.Helper()
	var found *batchv1.Job
	w.eventually("wait for the Job of the schema", func() error {
		var jobs batchv1.JobList
		if err := w.List(w.Context(), &jobs, client.InNamespace(w.namespace)); err != nil {
			return err
		}
		found = nil
		for i := range jobs.Items {
			if !contains(others, jobs.Items[i].Name) {
				found = &jobs.Items[i]
			}
		}
		if found == nil {
			return fmt.Errorf("%d Jobs, none but %v", len(jobs.Items), others)
		}
		return nil
	})
	return found
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

// completeJob and failJob end a Job as the Job controller does.
func (w *world) completeJob(job *batchv1.Job) {
	w.Helper()
	now := metav1.NewTime(time.Now().Truncate(time.Second))
	job.Status = batchv1.JobStatus{StartTime: &now, CompletionTime: &now, Succeeded: 1, Conditions: []batchv1.JobCondition{
		{Type: batchv1.JobSuccessCriteriaMet, Status: corev1.ConditionTrue},
		{Type: batchv1.JobComplete, Status: corev1.ConditionTrue},
	}}
	w.must(w.Status().Update(w.Context(), job))
}

func (w *world) failJob(job *batchv1.Job) {
	w.Helper()
	now := metav1.NewTime(time.Now().Truncate(time.Second))
	job.Status = batchv1.JobStatus{StartTime: &now, Failed: 3, Conditions: []batchv1.JobCondition{
		{Type: batchv1.JobFailureTarget, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded"},
		{Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded", Message: "Job has reached the specified backoff limit"},
	}}
	w.must(w.Status().Update(w.Context(), job))
}

// psqlFailed is a Pod of the Job in which psql printed this.
func (w *world) psqlFailed(job *batchv1.Job, name, text string, at time.Time) {
	w.Helper()
	template := job.Spec.Template
	template.Labels[batchv1.JobNameLabel] = job.Name
	w.makePod(name, template, corev1.PodStatus{
		Phase: corev1.PodFailed,
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "psql",
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				ExitCode: 3, Reason: "Error", Message: text, FinishedAt: metav1.NewTime(at),
			}},
		}},
	})
}

// The App that most tests are about.

const createUsers = "CREATE TABLE users (name text PRIMARY KEY);"

func webService() v1alpha1.ServiceSpec {
	return v1alpha1.ServiceSpec{Name: "web", Image: "my-org/web", Version: "v1.0.0", Port: 8080}
}

func usersDatabase() v1alpha1.DatabaseSpec {
	return v1alpha1.DatabaseSpec{
		Name: "db", Image: "postgres:15", Port: 5432, InitSQL: createUsers,
		Credentials: map[string]string{"user": "admin", "password": "s3cret", "dbname": "shop"},
	}
}

func shop() v1alpha1.AppSpec {
	return v1alpha1.AppSpec{
		Services:  []v1alpha1.ServiceSpec{webService()},
		Databases: []v1alpha1.DatabaseSpec{usersDatabase()},
	}
}

// startShop brings the App to Ready.
func (w *world) startShop() (*v1alpha1.App, *corev1.Pod) {
	w.Helper()
	app := w.create(shop())
	pod := w.startDatabase()
	w.completeJob(w.schemaJob())
	w.rollOut("shop-web")
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
	return app, pod
}
