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
	if _, err := ensure(ctx, p, p.children.secrets[name], desired.DatabaseSecret(p.app, spec)); err != nil {
		return err
	}
	deployment, err := ensure(ctx, p, workload.Deployment, desired.DatabaseDeployment(p.app, spec))
	if err != nil {
		return err
	}
	workload.Deployment = deployment
	_, err = ensure(ctx, p, p.children.services[name], desired.DatabaseService(p.app, spec))
	return err
}
