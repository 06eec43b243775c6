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

// unwanted goes by names: labels can be edited.
func (p *pass) unwanted() []client.Object {
	parts, secrets, claims := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, s := range p.app.Spec.Services {
		parts[desired.ChildName(p.app.Name, s.Name)] = true
	}
	for _, d := range p.app.Spec.Databases {
		name := desired.ChildName(p.app.Name, d.Name)
		parts[name], secrets[name], claims[name] = true, d.CredentialsSecretRef == nil, d.Storage != nil
	}
	found := slices.Concat(
		unwanted(p, p.children.deployments, parts),
		unwanted(p, p.children.services, parts),
		unwanted(p, p.children.secrets, secrets),
		unwanted(p, p.children.claims, claims),
	)
	schemas := map[string]bool{}
	for _, name := range p.schemas {
		if name == "" {
			return found // which one is wanted can't be known yet
		}
		schemas[name] = true
	}
	return slices.Concat(found,
		unwanted(p, p.children.configMaps, schemas),
		unwanted(p, p.children.jobs, schemas),
	)
}

func unwanted[T any, P object[T]](p *pass, children map[string]P, wanted map[string]bool) []client.Object {
	var found []client.Object
	for name, child := range children {
		if !wanted[name] && metav1.IsControlledBy(child, p.app) && child.GetDeletionTimestamp().IsZero() {
			found = append(found, child)
		}
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
