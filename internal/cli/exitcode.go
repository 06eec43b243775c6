/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// Exit codes of kctrl. Whoever calls it in a pipeline depends on them.
const (
	// ExitOK means that the command did what it was asked to, and that the run it was asked
	// about, if it was, has passed.
	ExitOK = contract.ExitPassed
	// ExitFailed means that the run has failed, and nothing else.
	ExitFailed = contract.ExitFailed
	// ExitError means that the run could not be judged, or that the command itself failed.
	ExitError = contract.ExitError
	// ExitTimedOut means that the run has no verdict yet, and nobody waits for it any more.
	ExitTimedOut = 3
	// ExitCanceled means that the run was canceled before it could be judged.
	ExitCanceled = 4
	// ExitUsage means that the command line is wrong. Nothing was sent to the cluster.
	ExitUsage = 64
	// ExitInterrupted is 128 + SIGINT, as shells have it.
	ExitInterrupted = 130
)

// exitError carries an exit code, such as that of a verdict. What there is to say has been said.
type exitError struct{ code int }

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// verdictOf returns nil for a run that has passed.
func verdictOf(run *v1alpha1.TestRun) error {
	switch run.Status.State {
	case v1alpha1.TestRunPassed:
		return nil
	case v1alpha1.TestRunFailed:
		return exitError{ExitFailed}
	case v1alpha1.TestRunError:
		if run.Status.Reason == v1alpha1.ReasonCanceled {
			return exitError{ExitCanceled}
		}
		return exitError{ExitError}
	default:
		return exitError{ExitTimedOut}
	}
}

// usageError is a mistake on the command line.
type usageError struct {
	command string
	message string
}

func (e usageError) Error() string {
	return fmt.Sprintf("%s\nSee '%s --help'", e.message, e.command)
}

func usage(cmd *cobra.Command, format string, args ...any) error {
	return usageError{command: cmd.CommandPath(), message: fmt.Sprintf(format, args...)}
}

// unknownOutput explains why there is no printer for --output. Formats are those that the command
// knows besides the common ones.
func unknownOutput(cmd *cobra.Command, err error, formats ...string) error {
	var unknown genericclioptions.NoCompatiblePrinterError
	if !errors.As(err, &unknown) || unknown.OutputFormat == nil {
		return usage(cmd, "--output: %v", err)
	}
	formats = append(formats, unknown.AllowedFormats...)
	return usage(cmd, "--output is %q, must be one of: %s", *unknown.OutputFormat, strings.Join(formats, ", "))
}

func exitCode(err error) int {
	var exit exitError
	var wrongUsage usageError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &wrongUsage):
		return ExitUsage
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	default:
		return ExitError
	}
}
