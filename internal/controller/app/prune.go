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
	// A part is wanted if the spec names it; its Secret and its claim also depend on what the spec says of it.
	parts, secrets, claims := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, s := range p.app.Spec.Services {
		parts[desired.ComponentService+s.Name] = true
	}
	for _, d := range p.app.Spec.Databases {
		part := desired.ComponentDatabase + d.Name
		parts[part], secrets[part], claims[part] = true, d.CredentialsSecretRef == nil, d.Storage != nil
	}
	return slices.Concat(
		unwanted(p, p.children.deployments, named(parts)),
		unwanted(p, p.children.services, named(parts)),
		unwanted(p, p.children.secrets, named(secrets)),
		unwanted(p, p.children.claims, named(claims)),
		unwanted(p, p.children.configMaps, p.isSchema),
		unwanted(p, p.children.jobs, p.isSchema),
	)
}

func unwanted[T any, P object[T]](p *pass, children map[string]P, wanted func(client.Object) bool) []client.Object {
	var found []client.Object
	for _, child := range children {
		if !wanted(child) && metav1.IsControlledBy(child, p.app) && child.GetDeletionTimestamp().IsZero() {
			found = append(found, child)
		}
	}
	return found
}

// named finds an object's part of the App among those.
func named(parts map[string]bool) func(client.Object) bool {
	return func(o client.Object) bool {
		return parts[o.GetLabels()[desired.LabelComponent]+o.GetLabels()[desired.LabelName]]
	}
}

// isSchema reports whether the object belongs to a schema as the spec has it, or may, as long as that can't be known.
func (p *pass) isSchema(o client.Object) bool {
	name, ok := p.schemas[o.GetLabels()[desired.LabelName]]
	return ok && (name == "" || name == o.GetName())
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
