/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package test

import (
	"fmt"
	"strings"
	"time"

	"github.com/topas-dev/topas/internal/lua/convert"
)

// words begin the lines of cases in the log.
var words = map[State]string{Passed: "PASS", Failed: "FAIL", Skipped: "SKIP"}

// log writes a case, and below it what it failed of, with one Write.
func (m *Module) log(word string, c Case, remark string) {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s", word, c.Name)
	if c.State != Skipped {
		fmt.Fprintf(&text, " (%s)", rounded(c.Duration))
	} else {
		remark = c.Message
	}
	if remark != "" {
		text.WriteString(": " + remark)
	}
	text.WriteByte('\n')
	if c.State == Failed {
		text.WriteString(indented(c.Message))
		text.WriteString(callers(c.first))
	}
	m.write(text.String())
}

func indented(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ") + "\n"
}

// callers are the lines of the script, within the case, that led to an error which nobody expected.
func callers(failure *convert.Failure) string {
	if failure.Kind != convert.Raised {
		return ""
	}
	var lines []string
	for line := range strings.Lines(failure.Traceback) {
		line = strings.TrimSpace(line)
		if line == "[Go]: in function test.case" {
			break
		}
		if !strings.HasPrefix(line, "[Go]") {
			lines = append(lines, "    "+line+"\n")
		}
	}
	if len(lines) < 2 {
		return ""
	}
	return strings.Join(lines, "")
}

func rounded(d time.Duration) time.Duration {
	if d >= time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}
