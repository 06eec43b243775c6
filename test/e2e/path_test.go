//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// The main job: an App is applied, a test that uses all four modules is scheduled with kctrl,
// its log is followed, and it passes. The App is not waited for: the script does that.
func TestUpgradeSample(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, sampleApp(t, ns))

	samples := filepath.Join(root, "config", "samples")
	stdout, stderr, code := kctrl(t, "test", "schedule", "-n", ns, "--name", "upgrade", "--app", "mock-app",
		"--script", filepath.Join(samples, "upgrade_test.lua"), "--include", filepath.Join(samples, "tests"))
	if code != 0 || stdout != "testrun.topas.dev/upgrade created\n" {
		t.Fatalf("schedule: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}

	stdout, stderr, code = kctrl(t, "test", "logs", "-n", ns, "--follow", "upgrade")
	if code != 0 {
		t.Fatalf("logs: exit code %d, stderr %s", code, stderr)
	}
	for _, want := range []string{"upgrading the frontend to v1.1.0", "GET http://frontend/api/users/alice", "PASSED"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the log does not contain %q:\n%s", want, stdout)
		}
	}

	run := testRun(ns, "upgrade", "")
	untilFinished(t, run)
	if run.Status.State != topasv1alpha1.TestRunPassed || run.Status.Reason != topasv1alpha1.ReasonPassed {
		t.Errorf("the run ended as %s", describeRun(run))
	}
	if diff := cmp.Diff(map[string]string{"frontend": "v1.0.0", "echo": "v1.0.0"}, run.Status.AppVersions); diff != "" {
		t.Errorf("appVersions (-want +got):\n%s", diff)
	}
	stdout, _, code = kctrl(t, "test", "status", "-n", ns, "upgrade")
	if code != 0 || !strings.Contains(stdout, "Passed") {
		t.Errorf("status: exit code %d:\n%s", code, stdout)
	}

	app := sampleApp(t, ns)
	untilReady(t, app)
	if got := app.Status.Services[0]; !strings.HasSuffix(got.Image, ":v1.1.0") || got.ReadyReplicas != 3 {
		t.Errorf("the frontend after the upgrade is %+v", got)
	}
}

// A line is in the log as soon as the script has printed it, not when the run is over.
func TestLogsAreLive(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	app := sampleApp(t, ns)
	create(t, app)
	untilReady(t, app)

	// The script goes on when it sees the row that this test writes after the first line came.
	run := testRun(ns, "live", `
local sut = require("sut")
local net = require("net")
print("first line")
while net.get("http://frontend/api/users/go").code ~= 200 do
end
print("last line")
`)
	create(t, run)
	cmd := exec.CommandContext(t.Context(), kctrlPath(), "test", "logs", "-n", ns, "-f", "live")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "first line" {
	}
	if lines.Text() != "first line" {
		t.Fatalf("the log ended before the first line: %v", lines.Err())
	}
	until(t, run, time.Minute, "runs", func(r *topasv1alpha1.TestRun) bool { return r.Status.State == topasv1alpha1.TestRunRunning }, describeRun)
	create(t, testRun(ns, "go", `
local net = require("net")
assert(net.post("http://frontend/api/users", { json = { name = "go", role = "signal" } }).code == 201)
`))
	var rest []string
	for lines.Scan() {
		rest = append(rest, lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("kctrl test logs: %v", err)
	}
	if len(rest) == 0 || rest[0] != "last line" {
		t.Errorf("after the first line came %q", rest)
	}
}

// Nothing is left of a TestRun or an App that was deleted.
func TestDeletingLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	app := sampleApp(t, ns)
	create(t, app)
	untilReady(t, app)
	run := testRun(ns, "short", `print("hello")`)
	create(t, run)
	untilFinished(t, run)

	if err := cluster.Delete(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	gone(t, run)
	noneLeft(t, ns, client.MatchingLabels{topasv1alpha1.LabelTestRun: "short"})

	if err := cluster.Delete(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	gone(t, app)
	noneLeft(t, ns, client.HasLabels{topasv1alpha1.LabelApp})
}

// The Pod of a run does what the restricted Pod Security Standard asks, and its exit code is the verdict.
func TestExitCodeOfTheRunner(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	app := sampleApp(t, ns)
	create(t, app)
	for _, tc := range []struct {
		name, script string
		want         int32
	}{
		{"passes", "", contract.ExitPassed},
		{"fails", `error("no")`, contract.ExitFailed},
		{"broken", `local = 1`, contract.ExitError},
	} {
		t.Run(tc.name, func(t *testing.T) {
			run := testRun(ns, tc.name, tc.script+"\nlocal done = true")
			create(t, run)
			untilFinished(t, run)
			var pod corev1.Pod
			if err := cluster.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: run.Status.PodName}, &pod); err != nil {
				t.Fatal(err)
			}
			terminated := pod.Status.ContainerStatuses[0].State.Terminated
			if terminated == nil || terminated.ExitCode != tc.want {
				t.Errorf("terminated = %+v, want exit code %d", terminated, tc.want)
			}
		})
	}
}
