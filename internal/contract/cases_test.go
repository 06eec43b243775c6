/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package contract

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestProgressIsBounded(t *testing.T) {
	got := Progress{}
	for i := range 150 {
		got.Add(fmt.Sprint("early ", i), CasePassed, "", time.Second)
	}
	for i := range 150 {
		got.Add(fmt.Sprint("late ", i), CaseFailed, "test.lua:1: no", time.Second)
		got.Add(fmt.Sprint("skipped ", i), CaseSkipped, "not today", 0)
	}

	want := Progress{Cases: Cases{Total: 450, Passed: 150, Failed: 150, Skipped: 150}, Omitted: 250}
	for i := range 100 {
		want.Results = append(want.Results, CaseResult{Name: fmt.Sprint("early ", i), State: CasePassed, Duration: "1s"})
	}
	for i := range 100 {
		want.Results = append(want.Results, CaseResult{Name: fmt.Sprint("late ", i), State: CaseFailed, Message: "test.lua:1: no", Duration: "1s"})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

func TestLongCasesAreCut(t *testing.T) {
	got := Progress{}
	got.Add(strings.Repeat("ä€", 1000), CaseFailed, strings.Repeat("\xffa", 5000), 0)
	got.Add(strings.Repeat("a", maxCaseName), CaseFailed, strings.Repeat("b", maxCaseMessage), 0)
	for i, r := range got.Results {
		if !utf8.ValidString(r.Name+r.Message) || len(r.Name) > maxCaseName || len(r.Message) > maxCaseMessage {
			t.Errorf("case %d has a name of %d bytes and a message of %d", i, len(r.Name), len(r.Message))
		}
	}
	if r := got.Results[0]; !strings.HasSuffix(r.Name, cutMark) || !strings.HasSuffix(r.Message, cutMark) {
		t.Errorf("what was cut does not say so: %+v", r)
	}
	if r := got.Results[1]; len(r.Name) != maxCaseName || len(r.Message) != maxCaseMessage {
		t.Errorf("what fits was cut: %+v", r)
	}
}
