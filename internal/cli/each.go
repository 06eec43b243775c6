/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// printDone says what was done as kubectl does.
func (f *Factory) printDone(run *v1alpha1.TestRun, what string) error {
	_, err := fmt.Fprintf(f.Out, "testrun.%s/%s %s\n", v1alpha1.GroupVersion.Group, run.Name, what)
	return err
}

// forEachRun does the same to several runs. One that it can't be done to does not save the others.
func (f *Factory) forEachRun(ctx context.Context, names []string, do func(context.Context, *Clients, *v1alpha1.TestRun) error) error {
	c, err := f.Clients()
	if err != nil {
		return err
	}
	var failed error
	for _, name := range names {
		run, err := c.run(ctx, name)
		if err == nil {
			err = do(ctx, c, run)
		}
		if err == nil {
			continue
		}
		if len(names) == 1 || ctx.Err() != nil {
			return err
		}
		f.say("error: %s\n", f.explain(err))
		failed = exitError{ExitError}
	}
	return failed
}

func someRuns(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage(cmd, "the name of a run is missing; %s is the newest one", latest)
	}
	return nil
}
