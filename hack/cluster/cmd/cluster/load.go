/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/topas-dev/topas/hack/cluster/internal/image"
)

func newLoadCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "load FILE.tar...", Short: "Load docker-archive tars, unless their images are there already", Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, archives []string) error {
			p, err := a.provider(command.Context())
			if err != nil {
				return err
			}
			return a.load(command.Context(), p, archives)
		},
	}
}

func (a *app) load(ctx context.Context, p provider, archives []string) error {
	present, err := p.Images(ctx)
	if err != nil {
		return err
	}
	for _, archive := range archives {
		wanted, err := image.Contents(archive)
		if err != nil {
			return err
		}
		if covered(wanted, present) {
			a.printer.Step("already loaded: %s", archive)
			continue
		}
		a.printer.Step("loading %s", archive)
		if err := p.Load(ctx, archive); err != nil {
			return err
		}
	}
	return nil
}

// covered tells whether all images are there under their names. Images
// without an id cannot be compared.
func covered(wanted, present []image.Image) bool {
	return !slices.ContainsFunc(wanted, func(i image.Image) bool {
		return i.ID == "" || !slices.Contains(present, i)
	})
}
