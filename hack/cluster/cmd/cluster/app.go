/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"io"

	"github.com/topas-dev/topas/hack/cluster/internal/binaries"
	"github.com/topas-dev/topas/hack/cluster/internal/choice"
	"github.com/topas-dev/topas/hack/cluster/internal/current"
	"github.com/topas-dev/topas/hack/cluster/internal/image"
	"github.com/topas-dev/topas/hack/cluster/internal/kind"
	"github.com/topas-dev/topas/hack/cluster/internal/local"
	"github.com/topas-dev/topas/hack/cluster/internal/paths"
	"github.com/topas-dev/topas/hack/cluster/internal/progress"
)

// provider is what all kinds of clusters can do.
type provider interface {
	Up(context.Context) error
	Down(context.Context) error
	Status(context.Context, io.Writer) error
	Load(ctx context.Context, archive string) error
	Images(context.Context) ([]image.Image, error)
	Kubeconfig() (string, error)
}

// app is what the commands share.
type app struct {
	printer *progress.Printer
	getenv  func(string) string
	out     io.Writer
	source  string // value of --source
}

func (a *app) choose(ctx context.Context) (string, error) {
	chosen, reason, err := choice.Choose(ctx, a.getenv(choice.Variable), choice.System())
	if err != nil {
		return "", err
	}
	a.printer.Step("working with the %s cluster: %s", chosen, reason)
	return chosen, nil
}

func (a *app) provider(ctx context.Context) (provider, error) {
	chosen, err := a.choose(ctx)
	if err != nil {
		return nil, err
	}
	places, err := paths.FromEnv(a.getenv)
	if err != nil {
		return nil, err
	}
	switch chosen {
	case choice.Kind:
		return kind.New(places.Kubeconfig(), a.printer), nil
	case choice.Current:
		return current.New(a.getenv, a.printer), nil
	default:
		return local.New(places, a.printer, a.binaries), nil
	}
}

// binaries builds Kubernetes unless it is in the cache.
func (a *app) binaries(ctx context.Context) (binaries.Set, error) {
	places, err := paths.FromEnv(a.getenv)
	if err != nil {
		return binaries.Set{}, err
	}
	source, err := binaries.FindSource(a.source)
	if err != nil {
		return binaries.Set{}, err
	}
	return binaries.Builder{Cache: places.Kube(), Source: source, Progress: a.printer}.Ensure(ctx)
}
