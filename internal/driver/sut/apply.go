/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package sut

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// Patch is what a test changes of a service. What is nil stays as it is.
type Patch struct {
	Image, Version *string
	Replicas       *int32
	Port           *int32
	// EnvVars are added to those that the service has, or replace those of the same name.
	EnvVars map[string]string
}

// restartVariable is an environment variable whose change has the Pods of a service replaced.
const restartVariable = "TOPAS_RESTARTED_AT"

// ApplyService changes a service of the App, or adds one if the App has none of that name: then image, version and
// port are needed. It does not wait until the change is carried out: see WaitReady.
func (c *Client) ApplyService(ctx context.Context, name string, p Patch) error {
	before, err := c.update(ctx, func(app *v1alpha1.App) error {
		if database(app, name) != nil {
			return fmt.Errorf("%q is a database of app %q, not a service", name, app.Name)
		}
		s := service(app, name)
		if s == nil {
			if err := p.complete(app, name); err != nil {
				return err
			}
			app.Spec.Services = append(app.Spec.Services, v1alpha1.ServiceSpec{Name: name})
			s = &app.Spec.Services[len(app.Spec.Services)-1]
		}
		p.apply(s)
		return nil
	})
	if err == nil {
		c.note(name, service(before, name), p)
	}
	return err
}

// Scale sets the number of Pods of a service that the App has.
func (c *Client) Scale(ctx context.Context, name string, replicas int32) error {
	p := Patch{Replicas: &replicas}
	before, err := c.change(ctx, name, p)
	if err == nil {
		c.note(name, service(before, name), p)
	}
	return err
}

// Restart has all Pods of a service replaced, as many at a time as the service allows. It does not wait for that.
func (c *Client) Restart(ctx context.Context, name string) error {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	_, err := c.change(ctx, name, Patch{EnvVars: map[string]string{restartVariable: now}})
	return err
}

// change changes a service that the App has.
func (c *Client) change(ctx context.Context, name string, p Patch) (before *v1alpha1.App, err error) {
	return c.update(ctx, func(app *v1alpha1.App) error {
		s := service(app, name)
		if s == nil {
			return fmt.Errorf("app %q has no service %q: %s", app.Name, name, names(app))
		}
		p.apply(s)
		return nil
	})
}

// complete reports what a new service lacks.
func (p Patch) complete(app *v1alpha1.App, name string) error {
	var missing []string
	if p.Image == nil {
		missing = append(missing, "image")
	}
	if p.Version == nil {
		missing = append(missing, "version")
	}
	if p.Port == nil {
		missing = append(missing, "port")
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("app %q has no service %q (%s), and a new service needs %s as well",
		app.Name, name, names(app), strings.Join(missing, ", "))
}

func (p Patch) apply(s *v1alpha1.ServiceSpec) {
	if p.Image != nil {
		s.Image = *p.Image
	}
	if p.Version != nil {
		s.Version = *p.Version
	}
	if p.Replicas != nil {
		s.Replicas = p.Replicas
	}
	if p.Port != nil {
		s.Port = *p.Port
	}
	if s.EnvVars == nil && len(p.EnvVars) > 0 {
		s.EnvVars = map[string]string{}
	}
	maps.Copy(s.EnvVars, p.EnvVars)
}

// update reads the App, changes it and writes it back, again and again until nobody else wrote in between, and returns
// the App as it was before. Applying on the server's side would not do: there a second call that sets less would take
// back what the first one set.
func (c *Client) update(ctx context.Context, change func(*v1alpha1.App) error) (before *v1alpha1.App, err error) {
	backoff := wait.Backoff{Duration: 5 * time.Millisecond, Factor: 1.5, Jitter: 1, Steps: 12, Cap: time.Second}
	for {
		before, err := c.App(ctx)
		if err != nil {
			return nil, err
		}
		app := before.DeepCopy()
		if err := change(app); err != nil {
			return nil, err
		}
		err = c.kube.Update(ctx, app)
		if err == nil {
			c.remember(app)
			return before, nil
		}
		if !apierrors.IsConflict(err) {
			return nil, explain(app, err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("updating app %q, which others change all the time: %w", app.Name, ctx.Err())
		case <-time.After(backoff.Step()):
		}
	}
}

// explain turns the API server's list of invalid fields into sentences that name the service.
func explain(app *v1alpha1.App, err error) error {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || !apierrors.IsInvalid(err) || status.ErrStatus.Details == nil || len(status.ErrStatus.Details.Causes) == 0 {
		return fmt.Errorf("updating app %q: %w", app.Name, err)
	}
	var causes []string
	for _, cause := range status.ErrStatus.Details.Causes {
		field := cause.Field
		for i, s := range app.Spec.Services {
			if rest, found := strings.CutPrefix(field, fmt.Sprintf("spec.services[%d].", i)); found {
				field = fmt.Sprintf("service %q: %s", s.Name, rest)
				break
			}
		}
		causes = append(causes, field+": "+cause.Message)
	}
	return fmt.Errorf("app %q is invalid: %s", app.Name, strings.Join(causes, "; "))
}
