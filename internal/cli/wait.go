/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"
)

// waitOptions are the flags of kctrl test wait.
type waitOptions struct {
	factory *Factory
	print   *genericclioptions.PrintFlags
	// printer is nil for the line made for people.
	printer printers.ResourcePrinter

	name    string
	timeout time.Duration
}

func newWait(f *Factory, runF func(context.Context, *waitOptions) error) *cobra.Command {
	o := &waitOptions{factory: f, print: genericclioptions.NewPrintFlags("").WithTypeSetter(f.Scheme)}
	cmd := &cobra.Command{
		Use:   "wait NAME",
		Short: "Wait for the end of a test",
		Long: `Wait for the end of a test. @latest is the newest run of the namespace.

The exit code is the verdict, whatever the output format: 0 passed, 1 failed, 2 error, 4 canceled;
and 3 if there is none when the time is over.`,
		Example: f.example(`  # Wait for the newest run, at most 10 minutes
  kctrl test wait @latest --timeout 10m`),
		Args:              oneRun,
		ValidArgsFunction: f.completeRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			if err := o.complete(cmd); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "How long to wait, such as 90s or 10m. (default as long as it takes)")
	o.print.AddFlags(cmd)
	return cmd
}

func (o *waitOptions) complete(cmd *cobra.Command) error {
	if o.timeout < 0 || o.timeout == 0 && cmd.Flags().Changed("timeout") {
		return usage(cmd, "--timeout is %s, must be positive, such as 90s or 10m", o.timeout)
	}
	if *o.print.OutputFormat == "" {
		return nil
	}
	var err error
	if o.printer, err = o.print.ToPrinter(); err != nil {
		return unknownOutput(cmd, err)
	}
	return nil
}

func (o *waitOptions) run(ctx context.Context) error {
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	c, err := o.factory.Clients()
	if err != nil {
		return err
	}
	run, err := c.run(ctx, o.name)
	if err == nil {
		run, err = o.factory.await(ctx, c, run)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
		o.factory.say("Timed out after %s: there is no verdict yet\n", o.timeout)
		return exitError{ExitTimedOut}
	}
	if err != nil {
		return err
	}
	if o.printer == nil {
		printVerdict(o.factory.Out, run)
		return verdictOf(run)
	}
	if err := o.printer.PrintObj(run, o.factory.Out); err != nil {
		return fmt.Errorf("printing testrun %s: %w", run.Name, err)
	}
	return verdictOf(run)
}
