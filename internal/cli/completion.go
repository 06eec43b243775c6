/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// completionTimeout is how long a shell may hang on the Tab key.
const completionTimeout = 3 * time.Second

// completer lists the words that may stand at a place of the command line.
type completer func(ctx context.Context, c *Clients) ([]cobra.Completion, error)

func completeFlag(cmd *cobra.Command, flag string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, complete); err != nil {
		panic("completion of --" + flag + ": " + err.Error())
	}
}

// complete never shows an error: there is no good place for one in the middle of a command line.
func (f *Factory) complete(cmd *cobra.Command, list completer) ([]cobra.Completion, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	c, err := f.Clients()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	words, err := list(ctx, c)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeRun completes the one argument of a command, which is the name of a run.
func (f *Factory) completeRun(cmd *cobra.Command, args []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return f.completeRuns(cmd, args, word)
}

// completeRuns completes arguments that are names of runs.
func (f *Factory) completeRuns(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return f.complete(cmd, func(ctx context.Context, c *Clients) ([]cobra.Completion, error) {
		runs, _, err := c.newest(ctx, &client.ListOptions{Namespace: c.Namespace}, 0, dropSource)
		if err != nil {
			return nil, err
		}
		var words []cobra.Completion
		for _, run := range runs.Items {
			if !slices.Contains(args, run.Name) {
				words = append(words, cobra.CompletionWithDesc(run.Name, string(stateOf(&run))+" "+run.Spec.AppName))
			}
		}
		return words, nil
	})
}

func (f *Factory) completeApps(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return f.complete(cmd, func(ctx context.Context, c *Clients) ([]cobra.Completion, error) {
		var apps v1alpha1.AppList
		if err := c.List(ctx, &apps, client.InNamespace(c.Namespace)); err != nil {
			return nil, err
		}
		var words []cobra.Completion
		for _, app := range apps.Items {
			words = append(words, cobra.CompletionWithDesc(app.Name, string(app.Status.Phase)))
		}
		return words, nil
	})
}

func (f *Factory) completeNamespaces(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return f.complete(cmd, func(ctx context.Context, c *Clients) ([]cobra.Completion, error) {
		var namespaces corev1.NamespaceList
		if err := c.List(ctx, &namespaces); err != nil {
			return nil, err
		}
		var words []cobra.Completion
		for _, ns := range namespaces.Items {
			words = append(words, ns.Name)
		}
		return words, nil
	})
}
