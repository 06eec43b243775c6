/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/internal/desired"
	"github.com/topas-dev/topas/internal/status"
)

// prune deletes what the spec no longer names.
func (p *pass) prune(ctx context.Context) error {
	for _, object := range p.unwanted() {
		if err := p.remove(ctx, object); err != nil {
			return err
		}
	}
	return nil
}

func (p *pass) unwanted() []client.Object {
	services, databases := map[string]bool{}, map[string]bool{}
	for _, s := range p.app.Spec.Services {
		services[s.Name] = true
	}
	for _, d := range p.app.Spec.Databases {
		databases[d.Name] = true
	}
	var found []client.Object
	check := func(object client.Object) {
		part := object.GetLabels()[desired.LabelName]
		var wanted bool
		switch object.GetLabels()[desired.LabelComponent] {
		case desired.ComponentService:
			wanted = services[part]
		case desired.ComponentDatabase:
			wanted = databases[part]
		case desired.ComponentSchema:
			name, ok := p.schemas[part]
			wanted = ok && (name == "" || name == object.GetName())
		}
		if !wanted && metav1.IsControlledBy(object, p.app) && object.GetDeletionTimestamp().IsZero() {
			found = append(found, object)
		}
	}
	for _, o := range p.children.deployments {
		check(o)
	}
	for _, o := range p.children.services {
		check(o)
	}
	for _, o := range p.children.secrets {
		check(o)
	}
	for _, o := range p.children.configMaps {
		check(o)
	}
	for _, o := range p.children.jobs {
		check(o)
	}
	return found
}

func (p *pass) remove(ctx context.Context, object client.Object) error {
	// A Job's own default would leave its Pods behind.
	policy := metav1.DeletePropagationBackground
	if job, ok := object.(*batchv1.Job); ok && !ended(job) {
		// It stays visible until its Pods are gone, so that the next Job doesn't work beside it.
		policy = metav1.DeletePropagationForeground
	}
	uid := object.GetUID()
	err := p.cached.Delete(ctx, object, &client.DeleteOptions{
		PropagationPolicy: &policy,
		Preconditions:     &metav1.Preconditions{UID: &uid},
	})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting %T %s: %w", object, object.GetName(), err)
	}
	ctrl.LoggerFrom(ctx).Info("Deleted object that the spec no longer names",
		"kind", fmt.Sprintf("%T", object), "object", object.GetName())
	return nil
}

func ended(job *batchv1.Job) bool {
	s := status.SchemaObservation{Job: job}
	return s.Applied() || s.Failed()
}
