/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/cli/runlog"
)

// logsOptions are the flags of kctrl test logs.
type logsOptions struct {
	factory *Factory

	name       string
	follow     bool
	timestamps bool
	tail       int64
	since      time.Duration
}

func newLogs(f *Factory, runF func(context.Context, *logsOptions) error) *cobra.Command {
	o := &logsOptions{factory: f}
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Show what a test prints",
		Long: `Show what a test prints. @latest is the newest run of the namespace.

With -f, the log is shown while it grows: from before the test has started until it has ended, also
when the connection breaks in between. A test that comes from git begins with the log of its clone.
The log goes to standard output; what the test waits for and how it ended goes to standard error.

The exit code is 0 when the log was shown to its end, whatever became of the test: 'test status'
tells the verdict.`,
		Example: f.example(`  # Follow the newest run
  kctrl test logs -f @latest

  # The last 20 lines, with the time of each
  kctrl test logs upgrade-test-x7k2p --tail 20 --timestamps`),
		Args:              oneRun,
		ValidArgsFunction: f.completeRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			if err := o.check(cmd); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return o.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&o.follow, "follow", "f", false, "Show the log while it grows, until the test has ended.")
	flags.BoolVar(&o.timestamps, "timestamps", false, "Show the time of every line.")
	flags.Int64Var(&o.tail, "tail", -1, "Number of lines from the end, of the clone's log and of the test's; -1 shows all.")
	flags.DurationVar(&o.since, "since", 0, "Leave out what is older, such as 30s or 5m. (default all)")
	return cmd
}

func oneRun(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usage(cmd, "the name of a run is missing; @latest is the newest one")
	}
	if len(args) > 1 {
		return usage(cmd, "%d names are given, must be one", len(args))
	}
	return nil
}

func (o *logsOptions) check(cmd *cobra.Command) error {
	if o.tail < -1 {
		return usage(cmd, "--tail is %d, must be a number of lines, or -1 for all", o.tail)
	}
	if o.since < 0 {
		return usage(cmd, "--since is %s, must be positive, such as 30s or 5m", o.since)
	}
	return nil
}

func (o *logsOptions) run(ctx context.Context) error {
	c, err := o.factory.Clients()
	if err != nil {
		return err
	}
	run, err := c.run(ctx, o.name)
	if err != nil {
		return err
	}
	reader := runlog.Reader{Client: c, Pods: c.Core, Out: o.factory.Out, Say: o.factory.say}
	opts := runlog.Options{Timestamps: o.timestamps, Since: o.since}
	if o.tail >= 0 {
		opts.Tail = &o.tail
	}
	if o.follow {
		run, err = o.followed(ctx, &reader, run, opts)
	} else {
		err = reader.Print(ctx, run, opts)
	}
	var noLog *runlog.NoLogError
	if errors.As(err, &noLog) {
		printVerdict(o.factory.ErrOut, noLog.Run)
	}
	if err != nil {
		return err
	}
	printVerdict(o.factory.ErrOut, run)
	return nil
}

// followed reads to the end of the run. Whoever leaves before is told that the run goes on.
func (o *logsOptions) followed(ctx context.Context, reader *runlog.Reader, run *v1alpha1.TestRun, opts runlog.Options) (*v1alpha1.TestRun, error) {
	ended, err := reader.Follow(ctx, run, opts)
	if errors.Is(ctx.Err(), context.Canceled) {
		o.factory.say("Detached, the test goes on. Follow it again with: %s\n", o.factory.followCommand(run.Name))
		return nil, exitError{ExitInterrupted}
	}
	return ended, err
}
