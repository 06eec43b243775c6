/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

func newList(f *Factory, runF func(context.Context, *statusOptions) error) *cobra.Command {
	o := &statusOptions{factory: f, print: genericclioptions.NewPrintFlags("").WithTypeSetter(f.Scheme)}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the recent tests",
		Long:    `List the most recent tests, the newest first: 'test status' without a name.`,
		Example: f.example(`  # The runs of one App in all namespaces, with what went wrong
  kctrl test list -A -l topas.dev/app=my-app --limit 0 -o wide`),
		Args: noArgs,
		RunE: o.runE(runF),
	}
	o.addFlags(cmd)
	return cmd
}
