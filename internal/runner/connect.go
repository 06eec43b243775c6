/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"context"
	"time"

	"k8s.io/client-go/rest"

	"github.com/topas-dev/topas/internal/driver/db"
	"github.com/topas-dev/topas/internal/driver/net"
	"github.com/topas-dev/topas/internal/driver/postman"
	"github.com/topas-dev/topas/internal/driver/sut"
	"github.com/topas-dev/topas/internal/lua/modules"
)

const closeTimeout = 5 * time.Second

// Environment is where a test runs.
type Environment struct {
	// Cluster is how the API server is reached.
	Cluster *rest.Config
	// Namespace and App name the system under test.
	Namespace, App string
	// Host returns the host at which a service or database of the App is reached. Nil means its name inside the cluster.
	Host func(name string) string
	// Credentials is the folder with the credentials of databases that have them in a Secret, see contract.CredentialsDir.
	Credentials string
	// Newman is the folder whose node_modules holds Newman.
	Newman string
}

// Connect makes the drivers for one test, which work until ctx ends, and a function that frees them. An App that
// doesn't exist is a *sut.NotFoundError.
func Connect(ctx context.Context, e Environment) (modules.Drivers, func(), error) {
	kube, err := sut.NewKube(e.Cluster)
	if err != nil {
		return modules.Drivers{}, nil, err
	}
	app, err := sut.New(ctx, sut.Config{Kube: kube, Cluster: e.Cluster, Namespace: e.Namespace, App: e.App, Host: e.Host})
	if err != nil {
		return modules.Drivers{}, nil, err
	}
	requests, databases := net.NewClient(app), db.NewClient(app, credentials{dir: e.Credentials})
	free := func() {
		requests.Close()
		// The test's context may have ended. A server that doesn't say goodbye takes nothing from the verdict.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = databases.Close(ctx)
	}
	drivers := modules.Drivers{
		SUT:     app,
		Net:     requests,
		DB:      databases,
		Postman: postman.New(postman.Config{Newman: e.Newman, Hosts: app}),
	}
	return drivers, free, nil
}
