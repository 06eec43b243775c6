//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

// The cases of a script are in the status of its run while it is on its way, and in the log.
func TestCasesWhileTheyRun(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	emptyApp(t, ns)

	run := testRun(ns, "checkout", `
local test = require("test")
test.case("checkout", function()
  test.case("fills cart", function() end)
  test.case("pays", function() test.expect({ total = 5 }, "bill"):covers({ total = 7 }) end)
end)
test.case("prints", { skip = "no printer" }, function() end)
test.defer(print, "cleaned up")
while not test.param("NEVER", false) do test.sleep("100ms") end
`)
	create(t, run)
	until(t, run, 2*time.Minute, "shows four cases", func(r *topasv1alpha1.TestRun) bool {
		return r.Status.Cases != nil && r.Status.Cases.Total == 4
	}, describeRun)
	if run.Status.State != topasv1alpha1.TestRunRunning {
		t.Errorf("it is %s, want its cases to be seen while it runs", describeRun(run))
	}
	want := []topasv1alpha1.TestRunCase{
		{Name: "checkout/fills cart", State: topasv1alpha1.CasePassed},
		{Name: "checkout/pays", State: topasv1alpha1.CaseFailed, Message: "checkout.lua:5: expect(bill):covers\n  .total  expected 7, got 5"},
		{Name: "checkout", State: topasv1alpha1.CaseFailed, Message: `case "pays" failed`},
		{Name: "prints", State: topasv1alpha1.CaseSkipped, Message: "no printer"},
	}
	if diff := cmp.Diff(want, run.Status.CaseResults, cmpopts.IgnoreFields(topasv1alpha1.TestRunCase{}, "Duration")); diff != "" {
		t.Errorf("case results (-want +got):\n%s", diff)
	}

	cancel(t, run)
	untilFinished(t, run)
	counts := &topasv1alpha1.TestRunCases{Total: 4, Passed: 1, Failed: 2, Skipped: 1}
	if diff := cmp.Diff(counts, run.Status.Cases); diff != "" || run.Status.Reason != topasv1alpha1.ReasonCanceled {
		t.Errorf("it ended as %s, cases (-want +got):\n%s", describeRun(run), diff)
	}
	out, errOut, _ := kctrl(t, "test", "logs", "-n", ns, run.Name)
	if !strings.Contains(out, "FAIL checkout/pays (") || !strings.Contains(out, "\ncleaned up\nERROR ") {
		t.Errorf("the log is\n%s%s", out, errOut)
	}
}

// A run whose script comes to its end has failed if one of its cases has, and its status has all counts.
func TestCasesDecide(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	emptyApp(t, ns)

	run := testRun(ns, "many", `
local test = require("test")
for i = 1, 300 do
  test.case("case " .. i, function() assert(i % 100 ~= 0, i .. " is too many") end)
end
`)
	create(t, run)
	untilFinished(t, run)
	if run.Status.State != topasv1alpha1.TestRunFailed || run.Status.Reason != topasv1alpha1.ReasonAssertionFailed ||
		run.Status.Message != "many.lua:4: 100 is too many" {
		t.Errorf("it ended as %s", describeRun(run))
	}
	counts := &topasv1alpha1.TestRunCases{Total: 300, Passed: 297, Failed: 3}
	if diff := cmp.Diff(counts, run.Status.Cases); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
	if results := run.Status.CaseResults; len(results) != 102 || results[101].Name != "case 300" || run.Status.CaseResultsOmitted != 198 {
		t.Errorf("%d results and %d omitted", len(results), run.Status.CaseResultsOmitted)
	}
}
