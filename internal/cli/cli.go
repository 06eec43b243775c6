/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package cli is kctrl, the command line of TOPAS: one file a command. A command is a struct of
// options with a constructor that takes the function to run, so that flags and behaviour can be
// tested apart.
package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// pluginPrefix is how the file names of kubectl's plugins begin.
const pluginPrefix = "kubectl-"

// Invocation is one call of kctrl.
type Invocation struct {
	// Program is the path that kctrl was called by. Called kubectl-topas, it speaks of itself as
	// "kubectl topas".
	Program string
	Args    []string
	// Version of this build; empty for one that was not released.
	Version string
	Streams genericiooptions.IOStreams
}

// Run carries out one call and returns the exit code. When ctx is canceled it stops early.
func Run(ctx context.Context, in Invocation) int {
	f := NewFactory(displayName(in.Program), in.Streams)
	root := newRoot(f, in.Version)
	root.SetArgs(in.Args)
	err := root.ExecuteContext(ctx)
	tell(ctx, f, err)
	return exitCode(err)
}

// tell says on standard error what went wrong.
func tell(ctx context.Context, f *Factory, err error) {
	var exit exitError
	switch {
	case err == nil, errors.As(err, &exit):
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		f.say("Interrupted\n")
	default:
		f.say("error: %s\n", f.explain(err))
	}
}

func displayName(program string) string {
	name := strings.TrimSuffix(filepath.Base(program), ".exe")
	if plugin, ok := strings.CutPrefix(name, pluginPrefix); ok {
		return "kubectl " + strings.ReplaceAll(plugin, "_", "-")
	}
	return "kctrl"
}

func newRoot(f *Factory, version string) *cobra.Command {
	root := group("kctrl", "Run tests against systems on Kubernetes", `kctrl schedules tests, shows what they print, and tells how they ended.

A test is a Lua script that runs inside the cluster against an App: the services and databases
under test. Each execution is a TestRun.`)
	root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: f.Program}
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetIn(f.In)
	root.SetOut(f.Out)
	root.SetErr(f.ErrOut)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return usage(cmd, "%v", err) })
	f.ConfigFlags.AddFlags(root.PersistentFlags())
	completeFlag(root, "namespace", f.completeNamespaces)
	root.AddCommand(newTest(f), newVersion(f, version, nil), newOptions(f))
	root.SetUsageTemplate(usageTemplate(root.UsageTemplate()))
	return root
}

// usageTemplate keeps the twenty flags of the connection out of every help but one.
func usageTemplate(standard string) string {
	const begin, end = "{{if .HasAvailableInheritedFlags}}", "{{if .HasHelpSubCommands}}"
	i, j := strings.Index(standard, begin), strings.Index(standard, end)
	if i < 0 || j < i {
		return standard
	}
	// The flags of the root itself are those of the connection.
	own := strings.Replace(standard[:i], "{{if .HasAvailableLocalFlags}}", "{{if and .HasParent .HasAvailableLocalFlags}}", 1)
	return own + `

Every command takes -n/--namespace, --context, --kubeconfig and more: see "{{.Root.DisplayName}} options".` + standard[j:]
}

// group is a command that only holds other commands.
func group(use, short, long string) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Long:  long,
		// A group does nothing with flags of its own.
		DisableFlagsInUseLine: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			message := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
			cmd.SuggestionsMinimumDistance = 2
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				message += fmt.Sprintf(": did you mean %s?", strings.Join(near, " or "))
			}
			return usage(cmd, "%s", message)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}

func newTest(f *Factory) *cobra.Command {
	test := group("test", "Schedule tests and follow them", "Schedule tests, follow what they print, and see how they ended.")
	test.Aliases = []string{"tests"}
	test.AddCommand(newSchedule(f, nil), newRun(f, nil), newLogs(f, nil), newStatus(f, nil), newList(f, nil),
		newWait(f, nil), newCancel(f), newRetry(f, nil), newDelete(f), newReport(f, nil))
	return test
}

func newOptions(f *Factory) *cobra.Command {
	return &cobra.Command{
		Use:   "options",
		Short: "List the flags that every command takes",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(f.Out, "The following flags can be given to every command:\n\n%s", cmd.Root().PersistentFlags().FlagUsages())
			return err
		},
	}
}

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(cmd, "unexpected argument %q: the command takes none", args[0])
	}
	return nil
}
