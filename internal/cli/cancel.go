/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

func newCancel(f *Factory) *cobra.Command {
	return &cobra.Command{
		Use:   "cancel NAME...",
		Short: "Cancel tests",
		Long: `Cancel tests that wait or run. @latest is the newest run of the namespace.

A run that waits ends at once. A script that runs is told to stop, and has 30 seconds for its
cleanups. The run ends as Error with the reason Canceled; its log is kept.`,
		Example: f.example(`  # Cancel the newest run, and wait until it has ended
  kctrl test cancel @latest
  kctrl test wait @latest`),
		DisableFlagsInUseLine: true,
		Args:                  someRuns,
		ValidArgsFunction:     f.completeRuns,
		RunE: func(cmd *cobra.Command, names []string) error {
			return f.forEachRun(cmd.Context(), names, f.cancel)
		},
	}
}

func (f *Factory) cancel(ctx context.Context, c *Clients, run *v1alpha1.TestRun) error {
	switch state := run.Status.State; {
	case state.Finished() && run.Status.Reason == v1alpha1.ReasonCanceled, run.Spec.Cancel && !state.Finished():
		f.say("Testrun %q is canceled already\n", run.Name)
		return nil
	case state.Finished():
		return fmt.Errorf("testrun %q has ended as %s: there is nothing to cancel", run.Name, state)
	}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"cancel":true}}`))
	if err := c.Patch(ctx, run, patch, client.FieldOwner(fieldOwner)); err != nil {
		return err
	}
	return f.printDone(run, "canceled")
}
