/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package sut

import (
	"context"
	"fmt"
	"net"
	"strconv"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// Status is what the controller last reported of a service or a database.
type Status struct {
	Name    string
	Ready   bool
	Message string
	// Address is "<host>:<port>" inside the cluster.
	Address string
	// Service is true for a service, which alone has the fields below.
	Service                        bool
	Image                          string
	DesiredReplicas, ReadyReplicas int32
}

// Status returns the status of a service or database of the App. It is empty but for the name where the controller
// has not reported yet.
func (c *Client) Status(ctx context.Context, name string) (Status, error) {
	app, err := c.App(ctx)
	if err != nil {
		return Status{}, err
	}
	return statusOf(app, name)
}

func statusOf(app *v1alpha1.App, name string) (Status, error) {
	isService := service(app, name) != nil
	if !isService && database(app, name) == nil {
		return Status{}, fmt.Errorf("app %q has no service or database %q: %s", app.Name, name, names(app))
	}
	for _, s := range app.Status.Services {
		if s.Name == name {
			return Status{
				Name: name, Ready: s.Ready, Message: s.Message, Address: s.Address,
				Service: true, Image: s.Image, DesiredReplicas: s.DesiredReplicas, ReadyReplicas: s.ReadyReplicas,
			}, nil
		}
	}
	for _, d := range app.Status.Databases {
		if d.Name == name {
			return Status{Name: name, Ready: d.Ready, Message: d.Message, Address: d.Address}, nil
		}
	}
	return Status{Name: name, Service: isService}, nil
}

// Address returns "<host>:<port>" of a service or database, as it is reached from here.
func (c *Client) Address(ctx context.Context, name string) (string, error) {
	target, port, ok := c.Resolve(name)
	if !ok {
		app, err := c.App(ctx)
		if err != nil {
			return "", err
		}
		return "", fmt.Errorf("app %q has no service or database %q: %s", app.Name, name, names(app))
	}
	return net.JoinHostPort(target, strconv.Itoa(int(port))), nil
}

// Overview is what the App consists of.
type Overview struct {
	Name, Namespace, Phase string
	Services, Databases    []string
}

// Overview returns what the App consists of now.
func (c *Client) Overview(ctx context.Context) (Overview, error) {
	app, err := c.App(ctx)
	if err != nil {
		return Overview{}, err
	}
	o := Overview{Name: app.Name, Namespace: app.Namespace, Phase: string(app.Status.Phase), Services: []string{}, Databases: []string{}}
	for _, s := range app.Spec.Services {
		o.Services = append(o.Services, s.Name)
	}
	for _, d := range app.Spec.Databases {
		o.Databases = append(o.Databases, d.Name)
	}
	return o, nil
}
