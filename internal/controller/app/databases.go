/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"context"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/desired"
	"github.com/topas-dev/topas/internal/status"
)

// applyDatabases brings every database to what the spec says, but for its schema.
func (p *pass) applyDatabases(ctx context.Context) error {
	one := int32(1)
	for _, spec := range p.app.Spec.Databases {
		name := desired.ChildName(p.app.Name, spec.Name)
		database := status.DatabaseObservation{Workload: status.Workload{
			Name:       spec.Name,
			Image:      spec.Image,
			Replicas:   &one,
			Address:    desired.Address(p.app.Namespace, p.app.Name, spec.Name, spec.Port),
			Deployment: p.children.deployments[name],
			Pods:       p.children.podsOf(spec.Name, desired.ComponentDatabase),
		}}
		var err error
		if database.Refused, err = p.noteRefusal(p.applyDatabase(ctx, spec, &database.Workload)); err != nil {
			return err
		}
		p.seen.Databases = append(p.seen.Databases, database)
	}
	return nil
}

func (p *pass) applyDatabase(ctx context.Context, spec v1alpha1.DatabaseSpec, workload *status.Workload) error {
	name := desired.ChildName(p.app.Name, spec.Name)
	if spec.CredentialsSecretRef == nil {
		if _, err := ensure(ctx, p, p.children.secrets[name], desired.DatabaseSecret(p.app, spec)); err != nil {
			return err
		}
	}
	deployment, err := ensure(ctx, p, workload.Deployment, desired.DatabaseDeployment(p.app, spec))
	if err != nil {
		return err
	}
	workload.Deployment = deployment
	if _, err = ensure(ctx, p, p.children.services[name], desired.DatabaseService(p.app, spec)); err != nil {
		return err
	}
	return p.applyClaim(ctx, spec)
}

// applyClaim comes last: a volume that can't grow is no reason to leave the rest of the database as it is.
func (p *pass) applyClaim(ctx context.Context, spec v1alpha1.DatabaseSpec) error {
	if spec.Storage == nil {
		return nil
	}
	name := desired.ChildName(p.app.Name, spec.Name)
	wanted, err := desired.DatabaseClaim(p.app, spec, p.children.claims[name])
	if err != nil {
		return &refusal{err}
	}
	claim, err := ensure(ctx, p, p.children.claims[name], wanted)
	if err != nil {
		return err
	}
	p.children.claims[name] = claim
	return nil
}
