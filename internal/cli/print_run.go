/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/cli/runlog"
)

// printRun shows one run to a person.
func printRun(w io.Writer, run *v1alpha1.TestRun, now time.Time) error {
	state := stateOf(run)
	rows := [][2]string{
		{"Name", run.Name},
		{"Namespace", run.Namespace},
		{"App", run.Spec.AppName},
		{"Copy of App", run.Status.AppName},
		{"Isolation", isolation(run)},
		{"State", coloured(w, state, string(state))},
		{"Reason", run.Status.Reason},
		{"Position", position(run)},
		{"Duration", durationOf(run, now)},
		{"Cases", cases(run.Status.Cases)},
		{"Created", when(&run.CreationTimestamp, now)},
		{"Started", when(run.Status.StartTime, now)},
		{"Pod", run.Status.PodName},
	}
	rows = append(rows, sourceRows(run)...)
	rows = append(rows, [2]string{"App versions", versions(run.Status.AppVersions)})
	var b bytes.Buffer
	for _, row := range rows {
		if row[1] != "" {
			fmt.Fprintf(&b, "%-14s%s\n", row[0]+":", row[1])
		}
	}
	if run.Status.Message != "" {
		fmt.Fprintf(&b, "Message:\n%s\n", indented(run.Status.Message))
	}
	writeFailedCases(&b, &run.Status)
	if _, err := w.Write(b.Bytes()); err != nil {
		return err
	}
	return printAttempts(w, run, now)
}

// isolation is shown when it is not what a run has by default.
func isolation(run *v1alpha1.TestRun) string {
	if run.Spec.Isolation == v1alpha1.IsolationShared {
		return ""
	}
	return string(run.Spec.Isolation)
}

func cases(c *v1alpha1.TestRunCases) string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%d: %d passed, %d failed, %d skipped", c.Total, c.Passed, c.Failed, c.Skipped)
}

// writeFailedCases shows the cases that failed, and says how many of them the status has no room for.
func writeFailedCases(b *bytes.Buffer, status *v1alpha1.TestRunStatus) {
	shown := int32(0)
	for _, c := range status.CaseResults {
		if c.State != v1alpha1.CaseFailed {
			continue
		}
		if shown++; shown == 1 {
			b.WriteString("Failed cases:\n")
		}
		name := c.Name
		if c.Duration != "" {
			name += " (" + c.Duration + ")"
		}
		fmt.Fprintf(b, "  %s\n", name)
		if c.Message != "" {
			fmt.Fprintln(b, indented(indented(c.Message)))
		}
	}
	if omitted := status.CaseResultsOmitted; omitted > 0 {
		failed := int32(0)
		if status.Cases != nil {
			failed = max(status.Cases.Failed-shown, 0)
		}
		fmt.Fprintf(b, "Not kept:     the results of %d cases, %d of them failed: see the log\n", omitted, failed)
	}
}

// printAttempts shows the attempts of a run that was tried more than once.
func printAttempts(w io.Writer, run *v1alpha1.TestRun, now time.Time) error {
	current := runlog.CurrentAttempt(run)
	if current < 2 {
		return nil
	}
	header := []string{"ATTEMPT", "POD", "STATE", "REASON", "DURATION", "MESSAGE"}
	table := [][]string{header}
	for _, a := range run.Status.Attempts {
		table = append(table, []string{
			strconv.Itoa(int(a.Attempt)), a.PodName, string(a.State), a.Reason, between(a.StartTime, a.CompletionTime), firstLine(a.Message),
		})
	}
	if !run.Status.State.Finished() {
		// The Pod is that of the attempt before until the next one has its own.
		pod := run.Status.PodName
		if slices.ContainsFunc(run.Status.Attempts, func(a v1alpha1.TestRunAttempt) bool { return a.PodName == pod }) {
			pod = ""
		}
		table = append(table, []string{
			strconv.Itoa(int(current)), pod, string(stateOf(run)), run.Status.Reason, durationOf(run, now), firstLine(run.Status.Message),
		})
	}
	if _, err := io.WriteString(w, "Attempts:\n"); err != nil {
		return err
	}
	return printTable(w, "  ", table, slices.Index(header, "STATE"))
}

func between(start, end *metav1.Time) string {
	if start.IsZero() || end.IsZero() {
		return ""
	}
	return end.Sub(start.Time).String()
}

func sourceRows(run *v1alpha1.TestRun) [][2]string {
	git := run.Spec.Git
	if git == nil {
		return [][2]string{{"Script", run.Annotations[v1alpha1.AnnotationScriptName]}}
	}
	return [][2]string{
		{"Git", git.URL},
		{"Git path", git.Path},
		{"Git revision", git.Revision},
		{"Git commit", run.Status.GitCommit},
	}
}

func when(t *metav1.Time, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s (%s ago)", t.UTC().Format(timeLayout), duration.HumanDuration(now.Sub(t.Time)))
}

func versions(of map[string]string) string {
	var all []string
	for _, service := range slices.Sorted(maps.Keys(of)) {
		all = append(all, service+" "+of[service])
	}
	return strings.Join(all, ", ")
}
