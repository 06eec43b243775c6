/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Command runner runs the script of one TestRun. It is what the Pod of a run consists of: `runner fetch` clones a git
// source, `runner run` runs the script. Both leave a contract.Result as termination message.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/topas-dev/topas/internal/contract"
)

// version is set by the linker.
var version = "dev"

func main() {
	// The log of the Pod belongs to the test.
	log.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run runs the command line and returns the exit code. Whatever happens, it leaves a result.
func run(ctx context.Context, args []string) (code int) {
	r := &report{path: contract.TerminationLog}
	defer func() {
		if caught := recover(); caught != nil {
			fmt.Fprintf(os.Stderr, "runner: panic: %v\n%s", caught, debug.Stack())
			code = r.write(failure(contract.ReasonRunnerCrashed, fmt.Errorf("the runner panicked: %v", caught)))
		}
	}()
	root := newCommand(r)
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "runner: %v\n", err)
		return r.write(failure(contract.ReasonRunnerCrashed, err))
	}
	return r.code
}

func newCommand(r *report) *cobra.Command {
	root := &cobra.Command{
		Use:           "runner",
		Short:         "Run the script of one TestRun",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVar(&r.path, "termination-log", r.path, "file that the result is written to")
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(newRunCommand(r), newFetchCommand(r), newVersionCommand())
	return root
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "runner", version)
			return err
		},
	}
}
