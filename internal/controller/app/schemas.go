/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"context"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/desired"
	"github.com/topas-dev/topas/internal/status"
)

// applySchemas starts a Job for every database whose data has not got its schema yet. The Job ends well or badly, and other
// SQL or other data make another one.
func (p *pass) applySchemas(ctx context.Context) error {
	p.schemas = map[string]string{}
	for i, spec := range p.app.Spec.Databases {
		if spec.InitSQL == "" {
			continue
		}
		database := &p.seen.Databases[i]
		database.Schema = &status.SchemaObservation{Hash: desired.SchemaHash(spec)}
		p.schemas[spec.Name] = ""
		pod := dataPod(database.Pods)
		if pod == nil {
			continue
		}
		refused, err := p.noteRefusal(p.applySchema(ctx, spec, pod, database))
		if err != nil {
			return err
		}
		if refused != "" {
			database.Refused = refused
		}
	}
	return nil
}

func (p *pass) applySchema(ctx context.Context, spec v1alpha1.DatabaseSpec, pod *corev1.Pod, database *status.DatabaseObservation) error {
	holder, ok := p.dataHolder(spec, pod)
	if !ok {
		return nil
	}
	name := desired.SchemaName(p.app, spec, holder)
	p.schemas[spec.Name] = name
	database.Schema.Job = p.children.jobs[name]
	database.Schema.Pods = p.children.podsOfJob(name)
	mayStart := database.Workload.Ready() && podReady(pod) && p.othersEnded(spec.Name, name)
	if database.Schema.Job == nil && !mayStart {
		return nil
	}
	if _, err := ensure(ctx, p, p.children.configMaps[name], desired.SchemaConfigMap(p.app, spec, holder)); err != nil {
		return err
	}
	wanted, err := p.schemaJob(spec, holder, database.Schema.Job)
	if err != nil {
		return err
	}
	job, err := ensure(ctx, p, database.Schema.Job, wanted)
	if err != nil {
		return err
	}
	database.Schema.Job = job
	return nil
}

// dataHolder reports false while there is no claim for a database that has storage.
func (p *pass) dataHolder(spec v1alpha1.DatabaseSpec, pod *corev1.Pod) (desired.DataHolder, bool) {
	if spec.Storage == nil {
		// The Service could lead to the next Pod, which is another database.
		return desired.DataHolder{UID: pod.UID, Host: pod.Status.PodIP}, true
	}
	claim := p.children.claims[desired.ChildName(p.app.Name, spec.Name)]
	if claim == nil {
		return desired.DataHolder{}, false
	}
	return desired.DataHolder{UID: claim.UID, Host: desired.Host(p.app.Namespace, p.app.Name, spec.Name)}, true
}

// schemaJob is the Job to be made or, if there is one, what it was made as: a Job can't be changed, only labelled.
func (p *pass) schemaJob(spec v1alpha1.DatabaseSpec, holder desired.DataHolder, current *batchv1.Job) (*batchv1ac.JobApplyConfiguration, error) {
	wanted := desired.SchemaJob(p.app, spec, holder)
	if current == nil {
		return wanted, nil
	}
	made, err := batchv1ac.ExtractJob(current, desired.FieldOwner)
	if err != nil {
		return nil, fmt.Errorf("reading Job %s: %w", current.Name, err)
	}
	wanted.Spec = made.Spec
	return wanted, nil
}

// othersEnded reports whether no Job of an older initSQL may still be at work in the database.
func (p *pass) othersEnded(database, wanted string) bool {
	for name, job := range p.children.jobs {
		if name != wanted && job.Labels[desired.LabelName] == database && !ended(job) {
			return false
		}
	}
	return true
}

// dataPod is the Pod that holds the data of a database: the newest of those that are to stay.
func dataPod(pods []corev1.Pod) *corev1.Pod {
	var newest *corev1.Pod
	for i := range pods {
		pod := &pods[i]
		if pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		if newest == nil || pod.CreationTimestamp.After(newest.CreationTimestamp.Time) {
			newest = pod
		}
	}
	return newest
}

func podReady(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
