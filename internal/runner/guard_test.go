/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/internal/lua/modules"
)

// A pattern that backtracks for long does not look at the context: the run gets its verdict all the same.
func TestScriptThatCannotBeInterrupted(t *testing.T) {
	var log bytes.Buffer
	result := Run(t.Context(), Options{
		Roots:  bundle(t, "local text = ('a'):rep(130)\nstring.find(text, '.-.-.-.-b$')"),
		Script: "test.lua", Timeout: 100 * time.Millisecond, Output: &log,
		Connect: func(context.Context) (modules.Drivers, func(), error) { return modules.Drivers{}, func() {}, nil },
	})
	want := contract.Result{Verdict: contract.Failed, Reason: contract.ReasonTimedOut, Message: (&stuckError{}).Error()}
	if diff := cmp.Diff(want, result, cmpopts.IgnoreFields(contract.Result{}, "Duration")); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}
