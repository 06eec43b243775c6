/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"

	"github.com/spf13/cobra"
)

func newRun(f *Factory, runF func(context.Context, *scheduleOptions) error) *cobra.Command {
	o := &scheduleOptions{outcome: newOutcome(f)}
	o.follow = true
	cmd := &cobra.Command{
		Use:   "run (--script FILE | --git URL --git-path PATH) --app APP",
		Short: "Schedule a test, follow it, and exit with its verdict",
		Long: `Run a test in the cluster: schedule it, show its log until it has ended, and exit with its verdict:
0 passed, 1 failed, 2 error, 4 canceled.` + sourceHelp + `

Ctrl-C detaches: the test goes on. With -o, the log goes to standard error, and the TestRun as it
has ended to standard output.`,
		Example: f.example(`  # Run a script of this machine, with a folder of collections
  kctrl test run --app my-app --script upgrade_test.lua --include tests

  # Run it against a copy of the App of its own
  kctrl test run --app my-app --script upgrade_test.lua --isolation ephemeral`),
		Args: noArgs,
		RunE: o.runE(runF),
	}
	o.print.AddFlags(cmd)
	o.addFlags(cmd)
	return cmd
}
