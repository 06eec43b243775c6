/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/internal/lua/modules"
)

// offline makes drivers for scripts that use none.
func offline(context.Context) (modules.Drivers, func(), error) {
	return modules.Drivers{}, func() {}, nil
}

// last keeps the last report.
type last struct{ contract.Progress }

func (l *last) Report(_ context.Context, p contract.Progress) error {
	l.Progress = p
	return nil
}

var times = regexp.MustCompile(`\b(\d+m)?[0-9.]+(m|µ)?s\b`)

func TestCasesAndVerdicts(t *testing.T) {
	const failed, passed = contract.Failed, contract.Passed
	for _, tc := range []struct {
		reason, script string
		want           contract.Result
		log            string
	}{
		{
			"every case passed or was skipped", "test.case('a', function() end)\ntest.case('b', {skip = true}, function() end)",
			contract.Result{Verdict: passed, Reason: "Passed", Cases: &contract.Cases{Total: 2, Passed: 1, Skipped: 1}},
			"PASS a (TIME)\nSKIP b\nPASSED in TIME (cases: 1 passed, 0 failed, 1 skipped)\n",
		},
		{
			"a case failed, and the script went on", "test.case('a', function() assert(false, 'first') end)\ntest.case('b', function() error('second') end)",
			contract.Result{Verdict: failed, Reason: "AssertionFailed", Message: "test.lua:2: first", Cases: &contract.Cases{Total: 2, Failed: 2}},
			"FAIL a (TIME)\n  test.lua:2: first\nFAIL b (TIME)\n  test.lua:3: second\nFAILED (cases: 0 passed, 2 failed, 0 skipped) test.lua:2: first\n",
		},
		{
			"an error comes first", "test.case('b', function() error('second') end)\ntest.case('a', function() assert(false, 'first') end)",
			contract.Result{Verdict: failed, Reason: "ScriptError", Message: "test.lua:2: second", Cases: &contract.Cases{Total: 2, Failed: 2}}, "",
		},
		{
			"a timeout comes first", "test.case('a', {timeout = '10ms'}, function() test.sleep('1h') end)",
			contract.Result{Verdict: failed, Reason: "TimedOut", Message: "test.lua:2: timed out after 10ms in test.sleep: context deadline exceeded", Cases: &contract.Cases{Total: 1, Failed: 1}}, "",
		},
		{
			"the script raises after a case failed", "test.case('a', function() assert(false, 'first') end)\nerror('then')",
			contract.Result{
				Verdict: failed, Reason: "AssertionFailed", Message: "test.lua:2: first\nthen the script ended: test.lua:3: then",
				Cases: &contract.Cases{Total: 1, Failed: 1},
			},
			"FAIL a (TIME)\n  test.lua:2: first\nFAILED (cases: 0 passed, 1 failed, 0 skipped) test.lua:2: first\nthen the script ended: test.lua:3: then\n" +
				"  [Go]: in function error\n  test.lua:3: in main chunk\n",
		},
		{
			"a required case failed", "test.case('a', {required = true}, function() error('first') end)",
			contract.Result{Verdict: failed, Reason: "ScriptError", Message: "test.lua:2: first", Cases: &contract.Cases{Total: 1, Failed: 1}}, "",
		},
		{
			"the time of the run is over in a case", "test.defer(print, 'cleaned')\ntest.case('a', function() test.sleep('1h') end)",
			contract.Result{Verdict: failed, Reason: "TimedOut", Message: "test.lua:3: timed out after 1m0s in test.sleep: context deadline exceeded", Cases: &contract.Cases{Total: 1, Failed: 1}},
			"FAIL a (TIME)\n  test.lua:3: timed out after TIME in test.sleep: context deadline exceeded\ncleaned\nFAILED (cases: 0 passed, 1 failed, 0 skipped) test.lua:3: timed out after TIME in test.sleep: context deadline exceeded\n",
		},
		{
			"a cleanup failed", "test.defer(error, 'dirty', 0)", contract.Result{Verdict: failed, Reason: "ScriptError", Message: "cleanup: dirty"}, "",
		},
		{
			"the script skips itself", "test.skip('no database')\nerror('x')",
			contract.Result{Verdict: passed, Reason: "Passed", Message: "skipped: no database"}, "PASSED in TIME: skipped: no database\n",
		},
		{
			"a file that does not compile", "test.case('a', function() require('broken') end)",
			contract.Result{Verdict: contract.Error, Reason: "CompileError", Message: "broken.lua:1: syntax error near 'return'", Cases: &contract.Cases{Total: 1, Failed: 1}}, "",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			roots := bundle(t, "local test = require('test')\n"+tc.script)
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				var reported last
				result := Run(t.Context(), Options{
					Roots: roots, Script: "test.lua", Timeout: time.Minute, Connect: offline, Output: &log, Reporter: &reported, Errors: t.Output(),
				})
				if diff := cmp.Diff(tc.want, result, cmpopts.IgnoreFields(contract.Result{}, "Duration")); diff != "" {
					t.Errorf("result (-want +got):\n%s", diff)
				}
				if got := times.ReplaceAllString(log.String(), "TIME"); tc.log != "" && got != tc.log {
					t.Errorf("log (-want +got):\n%s", cmp.Diff(tc.log, got))
				}
				if want := result.Cases; want != nil && *want != reported.Cases {
					t.Errorf("reported %+v, want %+v", reported.Cases, want)
				}
			})
		})
	}
}

// A run that is canceled cleans up, and is no verdict on the system whatever has failed before.
func TestCanceledRunCleansUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	log := &onText{text: "begun", do: cancel}
	result := Run(ctx, Options{
		Roots: bundle(t, `
local test = require("test")
test.defer(function() print("script") end)
test.case("before", function() error("no") end)
test.case("during", function()
  test.defer(function() print("case") end)
  print("begun")
  while true do end
end)`), Script: "test.lua", Timeout: time.Minute, Connect: offline, Output: log,
	})
	want := contract.Result{
		Verdict: contract.Error, Reason: contract.ReasonTerminated, Message: "test.lua:8: canceled", Cases: &contract.Cases{Total: 2, Failed: 2},
	}
	if diff := cmp.Diff(want, result, cmpopts.IgnoreFields(contract.Result{}, "Duration")); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if !strings.Contains(log.String(), "begun\nFAIL during (") || !strings.Contains(log.String(), "\ncase\nscript\nERROR ") {
		t.Errorf("log is\n%s", log.String())
	}
}

// onText does something when a text is written.
type onText struct {
	bytes.Buffer
	text string
	do   func()
}

func (o *onText) Write(data []byte) (int, error) {
	n, err := o.Buffer.Write(data)
	if strings.Contains(string(data), o.text) {
		o.do()
	}
	return n, err
}
