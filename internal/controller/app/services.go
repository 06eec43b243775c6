/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"context"
	"slices"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/desired"
	"github.com/topas-dev/topas/internal/status"
)

// applyServices brings every service to what the spec says. A service that has never run waits until all databases have
// their schemas; one that runs is not held up by them.
func (p *pass) applyServices(ctx context.Context) error {
	released := p.databasesReady()
	for _, spec := range p.app.Spec.Services {
		name := desired.ChildName(p.app.Name, spec.Name)
		service := status.ServiceObservation{Workload: status.Workload{
			Name:       spec.Name,
			Image:      spec.Reference(),
			Replicas:   spec.Replicas,
			Address:    desired.Address(p.app.Namespace, p.app.Name, spec.Name, spec.Port),
			Deployment: p.children.deployments[name],
			Pods:       p.children.podsOf(spec.Name, desired.ComponentService),
		}}
		service.Held = service.Deployment == nil && !released && !p.ranBefore(spec.Name)
		if !service.Held {
			var err error
			if service.Refused, err = p.noteRefusal(p.applyService(ctx, spec, &service.Workload)); err != nil {
				return err
			}
		}
		p.seen.Services = append(p.seen.Services, service)
	}
	return nil
}

// ranBefore reports whether a service was rolled out before, so that its Deployment can only be missing because somebody
// deleted it.
func (p *pass) ranBefore(service string) bool {
	return slices.ContainsFunc(p.app.Status.Services, func(s v1alpha1.ServiceStatus) bool {
		return s.Name == service && s.Image != ""
	})
}

func (p *pass) databasesReady() bool {
	for _, database := range p.seen.Databases {
		if !database.Ready() {
			return false
		}
	}
	return true
}

func (p *pass) applyService(ctx context.Context, spec v1alpha1.ServiceSpec, workload *status.Workload) error {
	name := desired.ChildName(p.app.Name, spec.Name)
	if _, err := ensure(ctx, p, p.children.services[name], desired.ServiceService(p.app, spec)); err != nil {
		return err
	}
	deployment, err := ensure(ctx, p, workload.Deployment, desired.ServiceDeployment(p.app, spec))
	if err != nil {
		return err
	}
	workload.Deployment = deployment
	return nil
}
