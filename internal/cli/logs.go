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
	attempt    int32
}

func newLogs(f *Factory, runF func(context.Context, *logsOptions) error) *cobra.Command {
	o := &logsOptions{factory: f}
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Show what a test prints",
		Long: `Show what a test prints. @latest is the newest run of the namespace.

With -f, the log is shown while it grows: from before the test has started until it has ended, also
when the connection breaks in between, and on to the next attempt when the test is tried again. A
test that comes from git begins with the log of its clone. The log goes to standard output; what the
test waits for and how it ended goes to standard error.

With -f, the exit code is the verdict: 0 passed, 1 failed, 2 error, 4 canceled; and 3 if the verdict
does not come. Without -f it is 0 when there was a log to show.`,
		Example: f.example(`  # Follow the newest run
  kctrl test logs -f @latest

  # The last 20 lines, with the time of each
  kctrl test logs upgrade-test-x7k2p --tail 20 --timestamps

  # The log of the first attempt of a test that was tried again
  kctrl test logs upgrade-test-x7k2p --attempt 1`),
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
	flags.Int32Var(&o.attempt, "attempt", 0, "Number of the attempt, from 1; with -f, the one to begin with. (default the last one)")
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
	if o.attempt < 0 || o.attempt == 0 && cmd.Flags().Changed("attempt") {
		return usage(cmd, "--attempt is %d, must be the number of an attempt, from 1", o.attempt)
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
	opts := runlog.Options{Timestamps: o.timestamps, Since: o.since, Attempt: o.attempt}
	if o.tail >= 0 {
		opts.Tail = &o.tail
	}
	if o.follow {
		run, err = o.factory.follow(ctx, c, run, o.factory.Out, opts)
		if err != nil {
			return err
		}
		printVerdict(o.factory.ErrOut, run)
		return verdictOf(run)
	}
	reader := runlog.Reader{Client: c, Pods: c.Core, Out: o.factory.Out, Say: o.factory.say}
	err = reader.Print(ctx, run, opts)
	if noLog := (*runlog.NoLogError)(nil); err == nil || errors.As(err, &noLog) {
		printVerdict(o.factory.ErrOut, run)
	}
	return err
}
