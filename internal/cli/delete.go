/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

func newDelete(f *Factory) *cobra.Command {
	return &cobra.Command{
		Use:   "delete NAME...",
		Short: "Delete tests with their logs",
		Long: `Delete tests, with their Pods and logs. @latest is the newest run of the namespace.

A script that runs is told to stop, and has 30 seconds for its cleanups.`,
		Example: f.example(`  kctrl test delete upgrade-test-x7k2p`),

		DisableFlagsInUseLine: true,
		Args:                  someRuns,
		ValidArgsFunction:     f.completeRuns,
		RunE: func(cmd *cobra.Command, names []string) error {
			return f.forEachRun(cmd.Context(), names, f.delete)
		},
	}
}

func (f *Factory) delete(ctx context.Context, c *Clients, run *v1alpha1.TestRun) error {
	if err := c.Delete(ctx, run, client.Preconditions{UID: &run.UID}); err != nil {
		return err
	}
	return f.printDone(run, "deleted")
}
