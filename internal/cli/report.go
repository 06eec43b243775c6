/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/report"
)

// stdoutName is the name that stands for standard output in place of a file.
const stdoutName = "-"

// reportOptions are the flags of kctrl test report.
type reportOptions struct {
	factory *Factory

	name              string
	junit, json, html string
}

func newReport(f *Factory, runF func(context.Context, *reportOptions) error) *cobra.Command {
	o := &reportOptions{factory: f}
	cmd := &cobra.Command{
		Use:   "report NAME",
		Short: "Write how a test ended into files",
		Long: `Write how a test ended into files: as JUnit XML for a CI system, as JSON, or as a page for people that
needs nothing but itself. @latest is the newest run of the namespace.

The exit code is 0 when the report is written, whatever became of the test; and 3 when the test has
not ended yet.`,
		Example: f.example(`  # Run a test, and let the CI system show its cases
  kctrl test run --app my-app --script upgrade_test.lua --name upgrade-1 || verdict=$?
  kctrl test report upgrade-1 --junit junit.xml --html report.html
  exit $verdict`),
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
	flags.StringVar(&o.junit, "junit", "", "`FILE` for JUnit XML with a testcase for each case; - is standard output.")
	flags.StringVar(&o.json, "json", "", "`FILE` for JSON; - is standard output.")
	flags.StringVar(&o.html, "html", "", "`FILE` for an HTML page; - is standard output.")
	return cmd
}

// reportFile is a file that was asked for.
type reportFile struct {
	path  string
	write func(*report.Report, io.Writer) error
}

func (o *reportOptions) files() []reportFile {
	var asked []reportFile
	for _, file := range []reportFile{
		{o.junit, (*report.Report).WriteJUnit}, {o.json, (*report.Report).WriteJSON}, {o.html, (*report.Report).WriteHTML},
	} {
		if file.path != "" {
			asked = append(asked, file)
		}
	}
	return asked
}

func (o *reportOptions) check(cmd *cobra.Command) error {
	taken := map[string]bool{}
	for _, file := range o.files() {
		if taken[file.path] {
			return usage(cmd, "two formats are to be written to %q: give each a file of its own", file.path)
		}
		taken[file.path] = true
	}
	if len(taken) == 0 {
		return usage(cmd, "name at least one file with --junit, --json or --html")
	}
	return nil
}

func (o *reportOptions) run(ctx context.Context) error {
	c, err := o.factory.Clients()
	if err != nil {
		return err
	}
	run, err := c.run(ctx, o.name)
	if err != nil {
		return err
	}
	if !run.Status.State.Finished() {
		o.factory.say("Testrun %q has not ended yet: it is %s\n", run.Name, stateOf(run))
		return exitError{ExitTimedOut}
	}
	r := reportOf(run)
	for _, file := range o.files() {
		if err := o.write(r, file); err != nil {
			return err
		}
	}
	if r.Omitted > 0 {
		o.factory.say("The report has %d of %d cases: the results of the others were not kept\n", len(r.Cases), r.Totals.Total)
	}
	return nil
}

// write leaves no half of a report behind when it can't be made.
func (o *reportOptions) write(r *report.Report, file reportFile) error {
	var content bytes.Buffer
	if err := file.write(r, &content); err != nil {
		return fmt.Errorf("making the report for %s: %w", file.path, err)
	}
	if file.path == stdoutName {
		_, err := content.WriteTo(o.factory.Out)
		return err
	}
	if err := os.WriteFile(file.path, content.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	o.factory.say("%s written\n", file.path)
	return nil
}

// reportOf takes from a run what a report shows.
func reportOf(run *v1alpha1.TestRun) *report.Report {
	status := &run.Status
	r := &report.Report{
		Name: run.Name, Namespace: run.Namespace, App: run.Spec.AppName, Script: run.Annotations[v1alpha1.AnnotationScriptName],
		State: report.State(status.State), Reason: status.Reason, Message: status.Message,
		Started: timeOf(status.StartTime), Ended: timeOf(status.CompletionTime), Took: tookOf(status.Duration),
		Pod: status.PodName, AppVersions: status.AppVersions, Omitted: int(status.CaseResultsOmitted),
	}
	if git := run.Spec.Git; git != nil {
		r.Script, r.Git = git.Path, &report.Git{URL: git.URL, Revision: git.Revision, Commit: status.GitCommit}
	}
	if c := status.Cases; c != nil {
		r.Totals = report.Totals{Total: int(c.Total), Passed: int(c.Passed), Failed: int(c.Failed), Skipped: int(c.Skipped)}
	}
	for _, c := range status.CaseResults {
		r.Cases = append(r.Cases, report.Case{Name: c.Name, State: report.State(c.State), Message: c.Message, Took: tookOf(c.Duration)})
	}
	if len(status.Attempts) < 2 {
		return r
	}
	for _, a := range status.Attempts {
		took := timeOf(a.CompletionTime).Sub(timeOf(a.StartTime))
		if a.StartTime.IsZero() || a.CompletionTime.IsZero() {
			took = 0
		}
		r.Attempts = append(r.Attempts, report.Attempt{
			Number: int(a.Attempt), Pod: a.PodName, State: report.State(a.State), Reason: a.Reason, Message: a.Message, Took: report.Duration(took),
		})
	}
	return r
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// tookOf reads a duration of a status. One that can't be read is left out.
func tookOf(text string) report.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0
	}
	return report.Duration(d)
}
