/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/topas-dev/topas/internal/contract"
)

// maxTraceback is how many lines of a traceback the log shows.
const maxTraceback = 30

// conclude ends the log with what became of the test. A log that can't be written takes nothing from the verdict,
// which is reported on another way.
func conclude(out io.Writer, r contract.Result, traceback string) {
	if r.Verdict == contract.Passed {
		_, _ = fmt.Fprintf(out, "PASSED in %s%s\n", rounded(r.Duration), counted(r.Cases)+remark(r.Message))
		return
	}
	kind := "FAILED"
	if r.Verdict == contract.Error {
		kind = "ERROR"
	}
	_, _ = fmt.Fprintf(out, "%s%s %s\n", kind, counted(r.Cases), r.Message)
	if traceback = strings.TrimSpace(traceback); traceback == "" {
		return
	}
	lines := strings.Split(traceback, "\n")
	for _, line := range lines[:min(len(lines), maxTraceback)] {
		_, _ = fmt.Fprintf(out, "  %s\n", strings.TrimRight(line, " \r"))
	}
	if left := len(lines) - maxTraceback; left > 0 {
		_, _ = fmt.Fprintf(out, "  ... and %d more lines\n", left)
	}
}

func remark(message string) string {
	if message == "" {
		return ""
	}
	return ": " + message
}

// counted is what became of the cases, if there are any.
func counted(c *contract.Cases) string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf(" (cases: %d passed, %d failed, %d skipped)", c.Passed, c.Failed, c.Skipped)
}

// rounded keeps three digits or so.
func rounded(d time.Duration) time.Duration {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	default:
		return d.Round(time.Millisecond)
	}
}
