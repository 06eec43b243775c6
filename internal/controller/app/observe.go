/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/desired"
	"github.com/topas-dev/topas/internal/status"
)

// pass is one pass of the reconciler over one App: what it read, and what it found out on its way.
type pass struct {
	*Reconciler
	app      *v1alpha1.App
	children children
	seen     status.AppObservation
	// schemas are the names of the schemas' Jobs and ConfigMaps, by database; "" if it can't be known yet.
	schemas  map[string]string
	refusals []error
}

// children are the App's objects by name, as the caches know them.
type children struct {
	deployments map[string]*appsv1.Deployment
	services    map[string]*corev1.Service
	secrets     map[string]*corev1.Secret
	configMaps  map[string]*corev1.ConfigMap
	claims      map[string]*corev1.PersistentVolumeClaim
	jobs        map[string]*batchv1.Job
	pods        []corev1.Pod
}

// observe reads everything once.
func (p *pass) observe(ctx context.Context) error {
	p.seen = status.AppObservation{Generation: p.app.Generation, Now: metav1.NewTime(p.now())}
	var (
		deployments appsv1.DeploymentList
		services    corev1.ServiceList
		secrets     corev1.SecretList
		configMaps  corev1.ConfigMapList
		claims      corev1.PersistentVolumeClaimList
		jobs        batchv1.JobList
		pods        corev1.PodList
	)
	for _, list := range []client.ObjectList{&deployments, &services, &secrets, &configMaps, &claims, &jobs, &pods} {
		err := p.cached.List(ctx, list, client.InNamespace(p.app.Namespace), client.MatchingFields{childrenOf: p.app.Name})
		if err != nil {
			return fmt.Errorf("listing the children of the App: %w", err)
		}
	}
	p.children = children{
		deployments: byName(deployments.Items),
		services:    byName(services.Items),
		secrets:     byName(secrets.Items),
		configMaps:  byName(configMaps.Items),
		claims:      byName(claims.Items),
		jobs:        byName(jobs.Items),
		pods:        pods.Items,
	}
	return nil
}

// object is a pointer to a type of the API.
type object[T any] interface {
	*T
	client.Object
}

func byName[T any, P object[T]](items []T) map[string]P {
	named := make(map[string]P, len(items))
	for i := range items {
		named[P(&items[i]).GetName()] = &items[i]
	}
	return named
}

// podsOf returns the Pods of a service, database or schema.
func (c children) podsOf(name, component string) []corev1.Pod {
	var pods []corev1.Pod
	for _, pod := range c.pods {
		if pod.Labels[desired.LabelName] == name && pod.Labels[desired.LabelComponent] == component {
			pods = append(pods, pod)
		}
	}
	return pods
}

func (c children) podsOfJob(job string) []corev1.Pod {
	var pods []corev1.Pod
	for _, pod := range c.pods {
		if pod.Labels[batchv1.JobNameLabel] == job {
			pods = append(pods, pod)
		}
	}
	return pods
}
