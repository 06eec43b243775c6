/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/cli/runlog"
)

// outcome is what a command does with the run that it has made: it names it, waits for its end, or follows its log.
type outcome struct {
	factory *Factory
	print   *genericclioptions.PrintFlags
	printer printers.ResourcePrinter

	wait   bool
	follow bool
}

func newOutcome(f *Factory) outcome {
	return outcome{factory: f, print: genericclioptions.NewPrintFlags("created").WithTypeSetter(f.Scheme)}
}

func (o *outcome) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.wait, "wait", false, "Wait for the end of the run, and exit with its verdict.")
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "Show the log until the end of the run, and exit with its verdict.")
	o.print.AddFlags(cmd)
}

func (o *outcome) complete(cmd *cobra.Command) error {
	if o.wait && o.follow {
		return usage(cmd, "--wait and --follow can't be given together: --follow waits as well")
	}
	var err error
	if o.printer, err = o.print.ToPrinter(); err != nil {
		return unknownOutput(cmd, err)
	}
	return nil
}

// of shows the run, which is new, and what becomes of it. Standard output gets one thing: the log, or what -o asks for.
func (o *outcome) of(ctx context.Context, c *Clients, run *v1alpha1.TestRun) error {
	forPeople := *o.print.OutputFormat == ""
	if !o.wait && !o.follow {
		if err := o.printTo(o.factory.Out, run); err != nil {
			return err
		}
		if forPeople {
			o.factory.say("Follow it with: %s\n", o.factory.followCommand(run.Name))
		}
		return nil
	}
	logTo, verdictTo := o.factory.ErrOut, o.factory.ErrOut
	if forPeople {
		logTo = o.factory.Out
		if err := o.printTo(o.factory.ErrOut, run); err != nil {
			return err
		}
	}
	ended, err := o.end(ctx, c, run, logTo)
	if err != nil {
		return err
	}
	if forPeople && o.wait {
		verdictTo = o.factory.Out
	}
	printVerdict(verdictTo, ended)
	if !forPeople {
		if err := o.printTo(o.factory.Out, ended); err != nil {
			return err
		}
	}
	return verdictOf(ended)
}

func (o *outcome) end(ctx context.Context, c *Clients, run *v1alpha1.TestRun, logTo io.Writer) (*v1alpha1.TestRun, error) {
	if o.follow {
		return o.factory.follow(ctx, c, run, logTo, runlog.Options{})
	}
	return o.factory.await(ctx, c, run)
}

func (o *outcome) printTo(w io.Writer, run *v1alpha1.TestRun) error {
	if err := o.printer.PrintObj(run, w); err != nil {
		return fmt.Errorf("printing testrun %s: %w", run.Name, err)
	}
	return nil
}

// follow copies the log of the run until the run has ended, and returns the run as it then is.
func (f *Factory) follow(ctx context.Context, c *Clients, run *v1alpha1.TestRun, logTo io.Writer, opts runlog.Options) (*v1alpha1.TestRun, error) {
	reader := runlog.Reader{Client: c, Pods: c.Core, Out: logTo, Say: f.say}
	ended, err := reader.Follow(ctx, run, opts)
	if noLog := (*runlog.NoLogError)(nil); errors.As(err, &noLog) {
		f.say("There is no log: the script was never started\n")
		return noLog.Run, nil
	}
	return ended, f.detached(ctx, run, err)
}

// await waits until the run has ended, and returns it as it then is.
func (f *Factory) await(ctx context.Context, c *Clients, run *v1alpha1.TestRun) (*v1alpha1.TestRun, error) {
	reader := runlog.Reader{Client: c, Say: f.say}
	ended, err := reader.Wait(ctx, run)
	return ended, f.detached(ctx, run, err)
}

// detached tells those who leave before the end that the run goes on. Other errors stay as they are.
func (f *Factory) detached(ctx context.Context, run *v1alpha1.TestRun, err error) error {
	if err == nil || !errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	f.say("Detached, the test goes on. Follow it again with: %s\n", f.followCommand(run.Name))
	return exitError{ExitInterrupted}
}
