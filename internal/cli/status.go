/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

const (
	outputWide = "wide"
	outputName = "name"
	// defaultLimit is how many runs are recent.
	defaultLimit = 30
)

// statusOptions are the flags of kctrl test status.
type statusOptions struct {
	factory *Factory
	print   *genericclioptions.PrintFlags
	// printer is nil for the layouts made for people.
	printer printers.ResourcePrinter

	name          string
	allNamespaces bool
	selected      string
	selector      labels.Selector
	limit         int
}

func newStatus(f *Factory, runF func(context.Context, *statusOptions) error) *cobra.Command {
	o := &statusOptions{factory: f, print: genericclioptions.NewPrintFlags("").WithTypeSetter(f.Scheme)}
	cmd := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show how tests ended",
		Long: `Show how a test ended, or the most recent tests when no name is given. @latest is the newest run of
the namespace.

With a name, the exit code is the verdict, whatever the output format: 0 passed, 1 failed, 2 error,
3 not finished yet, 4 canceled. A list exits with 0.`,
		Example: f.example(`  # The recent runs, newest first
  kctrl test status

  # How the newest one ended
  kctrl test status @latest

  # The recent runs of one App in all namespaces, with what went wrong
  kctrl test status -A -l topas.dev/app=my-app -o wide`),
		ValidArgsFunction: f.completeRun,
		Args:              atMostOneRun,
		RunE:              o.runE(runF),
	}
	o.addFlags(cmd)
	return cmd
}

func (o *statusOptions) runE(runF func(context.Context, *statusOptions) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			o.name = args[0]
		}
		if err := o.complete(cmd); err != nil {
			return err
		}
		if runF != nil {
			return runF(cmd.Context(), o)
		}
		return o.run(cmd.Context())
	}
}

func (o *statusOptions) addFlags(cmd *cobra.Command) {
	o.print.AddFlags(cmd)
	flags := cmd.Flags()
	flags.Lookup("output").Usage = "Output format. One of: (wide, name, json, yaml, jsonpath, go-template and more of kubectl's)."
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "List the runs of all namespaces.")
	flags.StringVarP(&o.selected, "selector", "l", "", "List the runs with these labels, such as topas.dev/app=my-app.")
	flags.IntVar(&o.limit, "limit", defaultLimit, "Number of runs to list, the newest first; 0 lists all.")
}

func atMostOneRun(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usage(cmd, "%d names are given, must be one or none", len(args))
	}
	return nil
}

func (o *statusOptions) complete(cmd *cobra.Command) error {
	var err error
	if o.selector, err = labels.Parse(o.selected); err != nil {
		return usage(cmd, "--selector is %q: %v", o.selected, err)
	}
	if o.name != "" && (o.allNamespaces || o.selected != "" || cmd.Flags().Changed("limit")) {
		return usage(cmd, "a name can't be given together with --all-namespaces, --selector or --limit: these are for lists")
	}
	if o.limit < 0 {
		return usage(cmd, "--limit is %d, must be a number of runs, or 0 for all", o.limit)
	}
	if format := *o.print.OutputFormat; format == "" && !cmd.Flags().Changed("template") || format == outputWide {
		return nil
	}
	if o.printer, err = o.print.ToPrinter(); err != nil {
		return unknownOutput(cmd, err, outputWide)
	}
	return nil
}

func (o *statusOptions) run(ctx context.Context) error {
	c, err := o.factory.Clients()
	if err != nil {
		return err
	}
	if o.name == "" {
		return o.list(ctx, c)
	}
	run, err := c.run(ctx, o.name)
	if err != nil {
		return err
	}
	if o.printer != nil {
		if err := o.printer.PrintObj(run, o.factory.Out); err != nil {
			return fmt.Errorf("printing testrun %s: %w", run.Name, err)
		}
		return verdictOf(run)
	}
	if err := printRun(o.factory.Out, run, o.factory.Now()); err != nil {
		return err
	}
	if !run.Status.State.Finished() {
		o.factory.say("There is no verdict yet. Follow the test with: %s\n", o.factory.followCommand(run.Name))
	}
	return verdictOf(run)
}

func (o *statusOptions) list(ctx context.Context, c *Clients) error {
	opts := &client.ListOptions{Namespace: c.Namespace, LabelSelector: o.selector}
	if o.allNamespaces {
		opts.Namespace = metav1.NamespaceAll
	}
	drop := dropSource
	if o.printer != nil && *o.print.OutputFormat != outputName {
		drop = dropNothing
	}
	runs, total, err := c.newest(ctx, opts, o.limit, drop)
	if err != nil {
		return err
	}
	if err := o.printList(runs); err != nil {
		return fmt.Errorf("printing the testruns: %w", err)
	}
	switch {
	case total == 0 && o.allNamespaces:
		o.factory.say("No tests found\n")
	case total == 0:
		o.factory.say("No tests found in namespace %q\n", c.Namespace)
	case total > len(runs.Items):
		o.factory.say("The newest %d of %d: --limit 0 lists all\n", len(runs.Items), total)
	}
	return nil
}

func (o *statusOptions) printList(runs *v1alpha1.TestRunList) error {
	format := *o.print.OutputFormat
	if o.printer == nil {
		return printRuns(o.factory.Out, runs.Items, tableOptions{
			namespace: o.allNamespaces, wide: format == outputWide, now: o.factory.Now(),
		})
	}
	if format != outputName {
		return o.printer.PrintObj(runs, o.factory.Out)
	}
	for i := range runs.Items {
		if err := o.printer.PrintObj(&runs.Items[i], o.factory.Out); err != nil {
			return err
		}
	}
	return nil
}
