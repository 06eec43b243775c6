/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/servers/kube"
)

// manage plays the manager: every run of the namespace ends at once, as the first part of its name says.
// It returns a context that ends when no more runs will.
func manage(t *testing.T, server *kube.Server, namespace string, ends map[string]v1alpha1.TestRunStatus) context.Context {
	t.Helper()
	c, err := client.NewWithWatch(server.Config, client.Options{Scheme: server.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	t.Cleanup(func() {
		stop()
		<-done
	})
	end := func(run *v1alpha1.TestRun) error {
		kind, _, _ := strings.Cut(run.Name, "-")
		status, known := ends[kind]
		if !known || run.Status.State.Finished() {
			return nil
		}
		run.Status = status
		return client.IgnoreNotFound(c.Status().Update(ctx, run))
	}
	go func() {
		defer close(done)
		defer stop()
		// The server ends the watch of a client that is slow. A new one begins with all that there is.
		for ctx.Err() == nil {
			runs, err := c.Watch(ctx, &v1alpha1.TestRunList{}, client.InNamespace(namespace))
			for err == nil {
				event, open := <-runs.ResultChan()
				if !open {
					break
				}
				if run, ok := event.Object.(*v1alpha1.TestRun); ok && event.Type == watch.Added {
					err = end(run)
				}
			}
			if err != nil && ctx.Err() == nil {
				t.Errorf("playing the manager: %v", err)
				return
			}
		}
	}()
	return ctx
}

// The exit code is the verdict for every command that waits, follows or asks, whatever the output format is.
func TestExitCodes(t *testing.T) {
	server := kube.Start(t)
	workFolder(t)
	namespace := server.NewNamespace(t)
	kubeconfig(t, server.Config, namespace)
	ends := map[string]v1alpha1.TestRunStatus{
		"passed":   {State: v1alpha1.TestRunPassed, Reason: v1alpha1.ReasonPassed},
		"retried":  {State: v1alpha1.TestRunPassed, Reason: v1alpha1.ReasonPassedAfterRetry},
		"failed":   {State: v1alpha1.TestRunFailed, Reason: v1alpha1.ReasonAssertionFailed, Message: "a.lua:3: no"},
		"timed":    {State: v1alpha1.TestRunFailed, Reason: v1alpha1.ReasonTimedOut},
		"error":    {State: v1alpha1.TestRunError, Reason: v1alpha1.ReasonAppNotFound},
		"canceled": {State: v1alpha1.TestRunError, Reason: v1alpha1.ReasonCanceled},
	}
	managed := manage(t, server, namespace, ends)
	const unfinished = "unfinished"
	makeRun(t, server.Client, namespace, unfinished, v1alpha1.TestRunStatus{State: v1alpha1.TestRunRunning, Reason: v1alpha1.ReasonRunning})
	for name := range ends {
		run := &v1alpha1.TestRun{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec:       v1alpha1.TestRunSpec{AppName: "my-app", Script: "print(1)"},
		}
		if err := server.Client.Create(t.Context(), run); err != nil {
			t.Fatal(err)
		}
	}

	wants := map[string]int{"passed": 0, "retried": 0, "failed": 1, "timed": 1, "error": 2, "canceled": 4}
	formats := []string{"", " -o name", " -o json", " -o yaml", " -o jsonpath={.status.state}"}
	// They wait for the server most of the time, and do not disturb each other.
	var calls sync.WaitGroup
	hands := make(chan struct{}, 16)
	for _, tc := range []struct {
		reason, args string
		formats      []string
	}{
		{"waiting", "test wait NAME", formats},
		{"waiting with a limit", "test wait NAME --timeout 1m", formats[:1]},
		{"asking", "test status NAME", append(formats, " -o wide")},
		{"following", "test logs -f NAME", formats[:1]},
		{"running", "test run --script Upgrade_Test.lua --app my-app --name NAME-run-N", formats},
		{"scheduling and waiting", "test schedule --wait --script Upgrade_Test.lua --app my-app --name NAME-wait-N", formats},
		{"scheduling and following", "test schedule -f --script Upgrade_Test.lua --app my-app --name NAME-follow-N", formats},
		{"trying again and waiting", "test retry --wait NAME", formats},
		{"trying again and following", "test retry -f NAME", formats},
	} {
		for name, want := range wants {
			for i, format := range tc.formats {
				args := strings.NewReplacer("NAME", name, "-N", fmt.Sprintf("-%d", i)).Replace(tc.args) + format
				hands <- struct{}{}
				calls.Go(func() {
					defer func() { <-hands }()
					got := call(managed, "", strings.Fields(args)...)
					if got.Code != want {
						t.Errorf("%s: %s exits with %d, want %d: %+v", tc.reason, args, got.Code, want, got)
					}
					if strings.Contains(format, "jsonpath") && got.Stdout != string(ends[name].State) {
						t.Errorf("%s: %s prints %q", tc.reason, args, got.Stdout)
					}
				})
			}
		}
	}
	calls.Wait()

	for _, tc := range []struct {
		reason, args string
		want         int
	}{
		{"there is no verdict yet", "test status unfinished", 3},
		{"nor in another format", "test status unfinished -o json", 3},
		{"nor when the time is over", "test wait unfinished --timeout 100ms", 3},
		{"a run was made", "test schedule --script Upgrade_Test.lua --app my-app --name other", 0},
		{"a run was made again", "test retry failed", 0},
		{"a list is no verdict", "test list", 0},
		{"nor is one without the word", "test status", 0},
		{"a run was canceled", "test cancel unfinished", 0},
		{"it was before", "test cancel unfinished", 0},
		{"there is nothing to cancel", "test cancel failed", 2},
		{"a run was deleted", "test delete unfinished", 0},
		{"it is gone", "test delete unfinished", 2},
		{"nor can it be waited for", "test wait unfinished", 2},
		{"the script is not there", "test run --script nope.lua --app my-app", 2},
		{"the script was never started", "test logs failed", 2},
		{"the command line is wrong", "test wait", 64},
	} {
		if got := call(t.Context(), "", strings.Fields(tc.args)...); got.Code != tc.want {
			t.Errorf("%s: %s exits with %d, want %d: %+v", tc.reason, tc.args, got.Code, tc.want, got)
		}
	}
}
