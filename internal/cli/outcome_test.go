/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/cli/kubelettest"
	"github.com/topas-dev/topas/test/servers/kube"
)

// Standard output gets one thing: the log, the verdict, or the run in the format that was asked for.
func TestOutcome(t *testing.T) {
	server := kube.Start(t)
	workFolder(t)
	namespace := server.NewNamespace(t)
	kubeconfig(t, server.Config, namespace)
	kubelet := kubelettest.Start(t, server.Client)
	failed := v1alpha1.TestRunStatus{State: v1alpha1.TestRunFailed, Reason: v1alpha1.ReasonAssertionFailed, Duration: "2s", Message: "a.lua:3: no"}
	managed := manage(t, server, namespace, map[string]v1alpha1.TestRunStatus{"fails": failed})
	run := makeRun(t, server.Client, namespace, "shown", failed)
	kubelet.Write(makeEndedPod(t, server.Client, run, kubelet.Node, 1).Name+"/runner", "one\n")
	kubelet.End("shown-1/runner")

	const schedule = " --script Upgrade_Test.lua --app my-app --name fails-"
	verdict := func(name string) string {
		return "Test " + name + ": Failed (AssertionFailed) after 2s\n  a.lua:3: no\n"
	}
	for _, tc := range []struct{ args, stdout, stderr string }{
		{"test wait shown", verdict("shown"), ""},
		{"test wait shown -o name", "testrun.topas.dev/shown\n", ""},
		{"test logs -f shown", "one\n", verdict("shown")},
		{"test run" + schedule + "1x", "", "testrun.topas.dev/fails-1x created\nThere is no log: the script was never started\n" + verdict("fails-1x")},
		{"test run -o name" + schedule + "2x", "testrun.topas.dev/fails-2x\n", "There is no log: the script was never started\n" + verdict("fails-2x")},
		{"test schedule --wait" + schedule + "3x", verdict("fails-3x"), "testrun.topas.dev/fails-3x created\n"},
		{"test schedule --wait -o name" + schedule + "4x", "testrun.topas.dev/fails-4x\n", "" + verdict("fails-4x")},
	} {
		t.Run(tc.args, func(t *testing.T) {
			got := call(managed, "", strings.Fields(tc.args)...)
			// The manager may be faster than the command.
			got.Stderr = strings.ReplaceAll(got.Stderr, "Waiting for the manager to pick the run up\n", "")
			want := result{Stdout: tc.stdout, Stderr: tc.stderr, Code: ExitFailed}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}

	// What is printed in the end is the run as it has ended.
	got := call(managed, "", strings.Fields("test run -o json"+schedule+"5x")...)
	var ended v1alpha1.TestRun
	if err := yaml.UnmarshalStrict([]byte(got.Stdout), &ended); err != nil {
		t.Fatalf("stdout is no TestRun: %v\n%s", err, got.Stdout)
	}
	if diff := cmp.Diff(failed, ended.Status); diff != "" || ended.Kind != "TestRun" {
		t.Errorf("%s, status (-want +got):\n%s", ended.Kind, diff)
	}
}

// The log goes to standard output, but when that is for the run itself.
func TestRunShowsTheLog(t *testing.T) {
	server := kube.Start(t)
	workFolder(t)
	namespace := server.NewNamespace(t)
	kubeconfig(t, server.Config, namespace)
	kubelet := kubelettest.Start(t, server.Client)
	c, err := client.NewWithWatch(server.Config, client.Options{Scheme: server.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	for name, format := range map[string]string{"plain": "", "formatted": " -o name"} {
		runs, err := c.Watch(t.Context(), &v1alpha1.TestRunList{}, client.InNamespace(namespace), client.MatchingFields{"metadata.name": name})
		if err != nil {
			t.Fatal(err)
		}
		results := make(chan result)
		go func() {
			results <- call(t.Context(), "", strings.Fields("test run --script Upgrade_Test.lua --app my-app --name "+name+format)...)
		}()
		run, ok := (<-runs.ResultChan()).Object.(*v1alpha1.TestRun)
		runs.Stop()
		if !ok {
			t.Fatal("the run was not made")
		}
		kubelet.Write(name+"-1/runner", "hello\n")
		kubelet.End(name + "-1/runner")
		makeEndedPod(t, server.Client, run, kubelet.Node, 0)
		run.Status = v1alpha1.TestRunStatus{State: v1alpha1.TestRunPassed, Reason: v1alpha1.ReasonPassed, Duration: "2s"}
		if err := c.Status().Update(t.Context(), run); err != nil {
			t.Fatal(err)
		}

		got := <-results
		// How far the run was when it was first seen is left to chance.
		got.Stderr = regexp.MustCompile(`Waiting for .*\n`).ReplaceAllString(got.Stderr, "")
		want := result{Stdout: "hello\n", Stderr: "testrun.topas.dev/plain created\nTest plain: Passed after 2s\n"}
		if format != "" {
			want = result{Stdout: "testrun.topas.dev/formatted\n", Stderr: "hello\nTest formatted: Passed after 2s\n"}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("test run%s (-want +got):\n%s", format, diff)
		}
	}
}

func TestWaitSaysThatTheTimeIsOver(t *testing.T) {
	server := kube.Start(t)
	namespace := server.NewNamespace(t)
	kubeconfig(t, server.Config, namespace)
	makeRun(t, server.Client, namespace, "queued", v1alpha1.TestRunStatus{State: v1alpha1.TestRunPending, Reason: v1alpha1.ReasonQueued, QueuePosition: 3})
	got := call(t.Context(), "", "test", "wait", "queued", "--timeout", "100ms")
	// How far it came by then is not said.
	said := strings.TrimPrefix(got.Stderr, "Waiting for its turn (Queued, position 3)\n")
	if said != "Timed out after 100ms: there is no verdict yet\n" || got.Stdout != "" || got.Code != ExitTimedOut {
		t.Errorf("wait: %+v", got)
	}
}
