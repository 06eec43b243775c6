/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/topas-dev/topas/api/v1alpha1"
)

const (
	none       = "-"
	columnGap  = 3
	shortSHA   = 12
	colourEnd  = "\x1b[0m"
	timeLayout = "2006-01-02 15:04:05 MST"
)

var colours = map[v1alpha1.TestRunState]string{
	v1alpha1.TestRunPending: "\x1b[33m",
	v1alpha1.TestRunRunning: "\x1b[36m",
	v1alpha1.TestRunPassed:  "\x1b[32m",
	v1alpha1.TestRunFailed:  "\x1b[31m",
	v1alpha1.TestRunError:   "\x1b[35m",
}

// coloured returns text in the colour of the state when w is a terminal that wants colours.
func coloured(w io.Writer, state v1alpha1.TestRunState, text string) string {
	if colour := colours[state]; colour != "" && printers.AllowsColorOutput(w) {
		return colour + text + colourEnd
	}
	return text
}

// stateOf returns Pending for a run that no manager has seen yet.
func stateOf(run *v1alpha1.TestRun) v1alpha1.TestRunState {
	if run.Status.State == "" {
		return v1alpha1.TestRunPending
	}
	return run.Status.State
}

// durationOf returns how long the run took, or how long it has been running.
func durationOf(run *v1alpha1.TestRun, now time.Time) string {
	if run.Status.Duration != "" {
		return run.Status.Duration
	}
	if run.Status.StartTime == nil || run.Status.State.Finished() {
		return ""
	}
	return now.Sub(run.Status.StartTime.Time).Truncate(time.Second).String()
}

// position returns the place of the run in the queue, if it is in it.
func position(run *v1alpha1.TestRun) string {
	if run.Status.QueuePosition == 0 {
		return ""
	}
	return strconv.Itoa(int(run.Status.QueuePosition))
}

// printVerdict says in one line, and the message below it, where the run stands.
func printVerdict(w io.Writer, run *v1alpha1.TestRun) {
	state := stateOf(run)
	line := coloured(w, state, string(state))
	if reason := run.Status.Reason; reason != "" && reason != string(state) {
		line += " (" + reason + ")"
	}
	if run.Status.Duration != "" {
		line += " after " + run.Status.Duration
	}
	text := fmt.Sprintf("Test %s: %s\n", run.Name, line)
	if run.Status.Message != "" && state != v1alpha1.TestRunPassed {
		text += indented(run.Status.Message) + "\n"
	}
	// This goes to standard error: nobody is left to be told when that fails.
	_, _ = io.WriteString(w, text)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ")
}

type tableOptions struct {
	namespace, wide bool
	now             time.Time
}

// printRuns shows a table of runs to a person, or nothing when there are none.
func printRuns(w io.Writer, runs []v1alpha1.TestRun, opts tableOptions) error {
	if len(runs) == 0 {
		return nil
	}
	header := []string{"NAME", "APP", "STATE", "REASON", "POSITION", "DURATION", "AGE"}
	stateColumn := slices.Index(header, "STATE")
	if opts.wide {
		header = append(header, "POD", "COMMIT", "MESSAGE")
	}
	if opts.namespace {
		header = slices.Insert(header, 0, "NAMESPACE")
		stateColumn++
	}
	table := [][]string{header}
	for i := range runs {
		table = append(table, row(&runs[i], opts))
	}
	return printTable(w, "", table, stateColumn)
}

// printTable aligns the cells below the first row, which is the header, and colours a column of states.
func printTable(w io.Writer, indent string, table [][]string, stateColumn int) error {
	widths := widthsOf(table)
	var b strings.Builder
	for i, cells := range table {
		b.WriteString(indent)
		for j, cell := range cells {
			if cell == "" {
				cell = none
			}
			padding := ""
			if j < len(cells)-1 {
				padding = strings.Repeat(" ", widths[j]-utf8.RuneCountInString(cell)+columnGap)
			}
			if i > 0 && j == stateColumn {
				cell = coloured(w, v1alpha1.TestRunState(cell), cell)
			}
			b.WriteString(cell + padding)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func row(run *v1alpha1.TestRun, opts tableOptions) []string {
	age := duration.HumanDuration(opts.now.Sub(run.CreationTimestamp.Time))
	cells := []string{run.Name, run.Spec.AppName, string(stateOf(run)), run.Status.Reason, position(run), durationOf(run, opts.now), age}
	if opts.wide {
		commit := run.Status.GitCommit
		cells = append(cells, run.Status.PodName, commit[:min(len(commit), shortSHA)], firstLine(run.Status.Message))
	}
	if opts.namespace {
		cells = slices.Insert(cells, 0, run.Namespace)
	}
	return cells
}

func widthsOf(table [][]string) []int {
	widths := make([]int, len(table[0]))
	for _, cells := range table {
		for j, cell := range cells {
			widths[j] = max(widths[j], utf8.RuneCountInString(cell), len(none))
		}
	}
	return widths
}
