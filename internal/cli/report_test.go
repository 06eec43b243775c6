/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/report"
	"github.com/topas-dev/topas/test/servers/kube"
)

func TestReportOf(t *testing.T) {
	runs := map[string]*v1alpha1.TestRun{}
	for _, run := range fixtures() {
		runs[run.Name] = &run
	}
	started, ended := ago(95*time.Second).Time, ago(80*time.Second).Time
	for name, want := range map[string]*report.Report{
		"flaky": {
			Name: "flaky", Namespace: "shop", App: "my-app", State: report.Passed, Reason: "PassedAfterRetry", Started: started, Ended: ended,
			Took: report.Duration(15200 * time.Millisecond), Pod: "flaky-3", Totals: report.Totals{Total: 2, Passed: 1, Skipped: 1},
			Cases: []report.Case{
				{Name: "users/alice", State: report.Passed, Took: report.Duration(412 * time.Millisecond)},
				{Name: "users/bob", State: report.Skipped, Message: "not today"},
			},
			Attempts: []report.Attempt{
				{Number: 1, Pod: "flaky-1", State: report.Error, Reason: "Evicted", Message: "The node was low on memory\nThreshold: 100Mi", Took: report.Duration(15 * time.Second)},
				{Number: 2, State: report.Error, Reason: "PodCreateFailed", Message: "exceeded quota"},
				{Number: 3, Pod: "flaky-3", State: report.Passed, Reason: "Passed", Took: report.Duration(15 * time.Second)},
			},
		},
		"upgrade-test-x7k2p": {
			Name: "upgrade-test-x7k2p", Namespace: "shop", App: "my-app", Script: "upgrade_test.lua", State: report.Failed, Reason: "AssertionFailed",
			Message: "upgrade_test.lua:31: alice is not there\nGET http://frontend/api/users/alice -> 404", Started: started, Ended: ended,
			Took: report.Duration(15200 * time.Millisecond), Pod: "upgrade-test-x7k2p-1", AppVersions: map[string]string{"frontend": "v1.1.0", "echo": "v1.0.0"},
		},
		"load": {
			Name: "load", Namespace: "shop", App: "my-app", Script: "tests/load.lua", State: "Running", Reason: "Running", Started: started, Pod: "load-1",
			Git: &report.Git{URL: "https://git.example.com/shop.git", Revision: "main", Commit: "0123456789abcdef0123456789abcdef01234567"},
		},
		"cases": {
			Name: "cases", Namespace: "shop", App: "my-app", State: report.Failed, Reason: "AssertionFailed", Message: "orders.lua:31: expect(order):covers",
			Started: started, Ended: ended, Took: report.Duration(15200 * time.Millisecond), Pod: "cases-1",
			Totals: report.Totals{Total: 512, Passed: 500, Failed: 11, Skipped: 1}, Omitted: 509,
			Cases: []report.Case{
				{Name: "checkout", State: report.Passed, Took: report.Duration(412 * time.Millisecond)},
				{Name: "checkout/creates order", State: report.Failed, Took: report.Duration(38 * time.Millisecond),
					Message: "orders.lua:31: expect(order):covers\n  .items[1].qty  expected 2, got 1"},
				{Name: "users", State: report.Failed},
			},
		},
	} {
		if diff := cmp.Diff(want, reportOf(runs[name])); diff != "" {
			t.Errorf("report of %s (-want +got):\n%s", name, diff)
		}
	}
}

func TestReport(t *testing.T) {
	server := kube.Start(t)
	namespace := server.NewNamespace(t)
	kubeconfig(t, server.Config, namespace)
	t.Chdir(t.TempDir())
	makeRun(t, server.Client, namespace, "failed", v1alpha1.TestRunStatus{
		State: v1alpha1.TestRunFailed, Cases: &v1alpha1.TestRunCases{Total: 2, Failed: 1, Passed: 1}, CaseResultsOmitted: 1,
		CaseResults: []v1alpha1.TestRunCase{{Name: "one", State: v1alpha1.CaseFailed, Message: "no"}},
	})
	makeRun(t, server.Client, namespace, "running", v1alpha1.TestRunStatus{State: v1alpha1.TestRunRunning})

	got := call(t.Context(), "", strings.Fields("test report failed --junit j.xml --json r.json --html r.html")...)
	want := result{Stderr: "j.xml written\nr.json written\nr.html written\nThe report has 1 of 2 cases: the results of the others were not kept\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{"j.xml": `<testcase name="one"`, "r.json": `"name": "one"`, "r.html": "<td>one<pre>no</pre>"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(content), want) {
			t.Errorf("%s does not contain %q:\n%s", name, want, content)
		}
	}

	got = call(t.Context(), "", strings.Fields("test report failed --junit -")...)
	if !strings.HasPrefix(got.Stdout, "<?xml") || got.Code != ExitOK {
		t.Errorf("report to standard output: %+v", got)
	}
	got = call(t.Context(), "", strings.Fields("test report running --junit no.xml")...)
	if want := (result{Stderr: "Testrun \"running\" has not ended yet: it is Running\n", Code: ExitTimedOut}); got != want {
		t.Errorf("report of a test that runs: %+v, want %+v", got, want)
	}
	if _, err := os.Stat("no.xml"); !os.IsNotExist(err) {
		t.Errorf("a report of a test that runs was written: %v", err)
	}
	nowhere := filepath.Join("nowhere", "j.xml")
	got = call(t.Context(), "", "test", "report", "failed", "--junit", nowhere)
	if want := (result{Stderr: "error: writing the report: open " + nowhere + ": no such file or directory\n", Code: ExitError}); got != want {
		t.Errorf("report to nowhere: %+v, want %+v", got, want)
	}
}
