/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package status says what the status of an App or a TestRun is, given what was seen of its parts. Its functions are
// pure, and all conditions are set here.
package status

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AppObservation is what was seen of an App: a part for each database and service, in the order of the spec.
type AppObservation struct {
	// Generation of the spec that the parts were compared with.
	Generation int64
	Databases  []DatabaseObservation
	Services   []ServiceObservation
	// Refused is what the API server said to objects that belong to no part, such as those to be pruned. Empty is good.
	Refused string
	// Now is the time of transitions.
	Now metav1.Time
}

// Workload is a Deployment, what it should be, and its Pods.
type Workload struct {
	// Name in the App.
	Name string
	// Image that the spec wants, with tag or digest.
	Image string
	// Replicas that the spec wants; nil leaves them to the Deployment.
	Replicas *int32
	Address  string
	// Deployment is nil when there is none.
	Deployment *appsv1.Deployment
	Pods       []corev1.Pod
	// Refused is what the API server said to the part's objects. Empty is good.
	Refused string
}

// ServiceObservation is a service.
type ServiceObservation struct {
	Workload
	// Held is true while the first rollout waits for the databases and their schemas.
	Held bool
}

// DatabaseObservation is a database. Schema is nil when it has no initSQL.
type DatabaseObservation struct {
	Workload
	Schema *SchemaObservation
}

// SchemaObservation is the Job that makes the schema as the spec wants it, for the data that there is now.
type SchemaObservation struct {
	// Hash of the initSQL.
	Hash string
	// Job is nil when there is none.
	Job  *batchv1.Job
	Pods []corev1.Pod
}

// Ready reports whether every wanted Pod runs the wanted image, is ready, and no other is left.
func (w Workload) Ready() bool {
	d := w.Deployment
	if w.Refused != "" || d == nil || d.Status.ObservedGeneration < d.Generation {
		return false
	}
	if !slices.ContainsFunc(d.Spec.Template.Spec.Containers, func(c corev1.Container) bool { return c.Image == w.Image }) {
		return false
	}
	want := w.desiredReplicas()
	return deploymentReplicas(d) == want && d.Status.UpdatedReplicas == want && d.Status.Replicas == want &&
		d.Status.ReadyReplicas == want && w.ending() == 0
}

// ending is the number of Pods that were told to end and have not: until then they answer on the connections that they
// have, with the old version. The Deployment does not count them.
func (w Workload) ending() int {
	n := 0
	for _, pod := range w.Pods {
		if pod.DeletionTimestamp != nil && pod.Status.Phase == corev1.PodRunning {
			n++
		}
	}
	return n
}

func (w Workload) desiredReplicas() int32 {
	switch {
	case w.Replicas != nil:
		return *w.Replicas
	case w.Deployment != nil:
		return deploymentReplicas(w.Deployment)
	default:
		return 1
	}
}

func (w Workload) readyReplicas() int32 {
	if w.Deployment == nil {
		return 0
	}
	return w.Deployment.Status.ReadyReplicas
}

func deploymentReplicas(d *appsv1.Deployment) int32 {
	if d.Spec.Replicas == nil {
		return 1
	}
	return *d.Spec.Replicas
}

// Ready reports whether the database accepts connections and has its schema.
func (d DatabaseObservation) Ready() bool {
	return d.Workload.Ready() && (d.Schema == nil || d.Schema.Applied())
}

// Applied reports whether psql came to the end of the initSQL.
func (s SchemaObservation) Applied() bool { return s.Job != nil && jobHas(s.Job, batchv1.JobComplete) }

// Failed reports whether psql is not run again.
func (s SchemaObservation) Failed() bool { return s.Job != nil && jobHas(s.Job, batchv1.JobFailed) }

func jobHas(job *batchv1.Job, condition batchv1.JobConditionType) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == condition && c.Status == corev1.ConditionTrue
	})
}
