/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package sut

import (
	"context"
	"fmt"
	"slices"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// origin is what a service was before this test changed it for the first time.
type origin struct {
	// before is nil if there was no such service.
	before *v1alpha1.ServiceSpec
	// changed has everything that the test has set since.
	changed Patch
}

// note keeps what a change is about to replace, unless an earlier one did.
func (c *Client) note(name string, before *v1alpha1.ServiceSpec, p Patch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, ok := c.origins[name]
	if !ok {
		o = &origin{before: before, changed: Patch{EnvVars: map[string]string{}}}
		c.origins[name] = o
	}
	o.changed.add(p)
}

// add makes p set what more sets, too.
func (p *Patch) add(more Patch) {
	if more.Image != nil {
		p.Image = more.Image
	}
	if more.Version != nil {
		p.Version = more.Version
	}
	if more.Replicas != nil {
		p.Replicas = more.Replicas
	}
	if more.Port != nil {
		p.Port = more.Port
	}
	for key, value := range more.EnvVars {
		p.EnvVars[key] = value
	}
}

// Rollback puts back everything of a service that this test has changed, to what it was before the first change. A service
// that the test has added is removed. What others have changed meanwhile stays as it is.
func (c *Client) Rollback(ctx context.Context, name string) error {
	c.mu.Lock()
	o := c.origins[name]
	c.mu.Unlock()
	_, err := c.update(ctx, func(app *v1alpha1.App) error {
		s := service(app, name)
		if s == nil && o == nil {
			return fmt.Errorf("app %q has no service %q: %s", app.Name, name, names(app))
		}
		if s == nil || o == nil {
			return nil
		}
		if o.before == nil {
			app.Spec.Services = slices.DeleteFunc(app.Spec.Services, func(s v1alpha1.ServiceSpec) bool { return s.Name == name })
			return nil
		}
		o.putBack(s)
		return nil
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.origins, name)
	return nil
}

func (o *origin) putBack(s *v1alpha1.ServiceSpec) {
	if o.changed.Image != nil {
		s.Image = o.before.Image
	}
	if o.changed.Version != nil {
		s.Version = o.before.Version
	}
	if o.changed.Replicas != nil {
		s.Replicas = o.before.Replicas
	}
	if o.changed.Port != nil {
		s.Port = o.before.Port
	}
	for key := range o.changed.EnvVars {
		delete(s.EnvVars, key)
		if value, ok := o.before.EnvVars[key]; ok {
			s.EnvVars[key] = value
		}
	}
}
