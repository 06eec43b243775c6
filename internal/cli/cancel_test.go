/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/servers/kube"
)

func TestCancel(t *testing.T) {
	server := kube.Start(t)
	namespace := server.NewNamespace(t)
	kubeconfig(t, server.Config, namespace)
	for name, state := range map[string]v1alpha1.TestRunState{"runs": v1alpha1.TestRunRunning, "waits": v1alpha1.TestRunPending, "passed": v1alpha1.TestRunPassed} {
		makeRun(t, server.Client, namespace, name, v1alpha1.TestRunStatus{State: state})
	}

	// One that can't be canceled does not save the others.
	got := call(t.Context(), "", "test", "cancel", "runs", "passed", "waits")
	want := result{
		Stdout: "testrun.topas.dev/runs canceled\ntestrun.topas.dev/waits canceled\n",
		Stderr: "error: testrun \"passed\" has ended as Passed: there is nothing to cancel\n", Code: ExitError,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("cancel (-want +got):\n%s", diff)
	}
	for name, want := range map[string]bool{"runs": true, "waits": true, "passed": false} {
		var run v1alpha1.TestRun
		if err := server.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &run); err != nil {
			t.Fatal(err)
		}
		if run.Spec.Cancel != want {
			t.Errorf("spec.cancel of %s is %v", name, run.Spec.Cancel)
		}
	}
	got = call(t.Context(), "", "test", "cancel", "runs")
	if want := (result{Stderr: "Testrun \"runs\" is canceled already\n"}); got != want {
		t.Errorf("cancel again: %+v, want %+v", got, want)
	}
}

func TestDelete(t *testing.T) {
	server := kube.Start(t)
	namespace := server.NewNamespace(t)
	kubeconfig(t, server.Config, namespace)
	run := makeRun(t, server.Client, namespace, "newest", v1alpha1.TestRunStatus{State: v1alpha1.TestRunPassed})
	got := call(t.Context(), "", "test", "delete", "@latest")
	if want := (result{Stdout: "testrun.topas.dev/newest deleted\n"}); got != want {
		t.Errorf("delete: %+v, want %+v", got, want)
	}
	if err := server.Client.Get(t.Context(), client.ObjectKeyFromObject(run), run); !apierrors.IsNotFound(err) {
		t.Errorf("the deleted run: %v", err)
	}
}

func TestRetry(t *testing.T) {
	server := kube.Start(t)
	namespace := server.NewNamespace(t)
	kubeconfig(t, server.Config, namespace)
	ttl := int32(60)
	before := &v1alpha1.TestRun{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: "upgrade", Labels: map[string]string{v1alpha1.LabelApp: "my-app", "team": "shop"},
			Annotations: map[string]string{v1alpha1.AnnotationScriptName: "upgrade.lua", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
		},
		Spec: v1alpha1.TestRunSpec{
			AppName: "my-app", Script: "print(1)", Files: map[string]string{"a.json": "{}"}, Params: map[string]string{"A": "b"}, Timeout: "90s",
			Isolation: v1alpha1.IsolationExclusive, Retries: 1, Priority: 7, TTLSecondsAfterFinished: &ttl, Cancel: true,
		},
	}
	if err := server.Client.Create(t.Context(), before); err != nil {
		t.Fatal(err)
	}

	got := call(t.Context(), "", "test", "retry", "upgrade")
	want := result{Stdout: "testrun.topas.dev/upgrade-r1 created\n", Stderr: "Follow it with: kctrl test logs -f upgrade-r1\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("retry (-want +got):\n%s", diff)
	}
	var run v1alpha1.TestRun
	if err := server.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "upgrade-r1"}, &run); err != nil {
		t.Fatal(err)
	}
	wantSpec := *before.Spec.DeepCopy()
	wantSpec.Cancel = false
	if diff := cmp.Diff(wantSpec, run.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before.Labels, run.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{v1alpha1.AnnotationScriptName: "upgrade.lua"}, run.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}

	// A name that is taken is passed over.
	for _, tc := range [][2]string{{"upgrade-r1", "upgrade-r2"}, {"upgrade", "upgrade-r3"}} {
		got := call(t.Context(), "", "test", "retry", tc[0], "-o", "name")
		if want := (result{Stdout: "testrun.topas.dev/" + tc[1] + "\n"}); got != want {
			t.Errorf("retry of %s: %+v, want %+v", tc[0], got, want)
		}
	}
}

func TestNextName(t *testing.T) {
	const long = "a-name-of-fifty-eight-characters-which-is-all-that-it-may-"
	for _, tc := range []struct{ reason, name, want string }{
		{"the first", "upgrade", "upgrade-r1"},
		{"the second", "upgrade-r1", "upgrade-r2"},
		{"more digits", "upgrade-r9", "upgrade-r10"},
		{"a random ending", "upgrade-r2d2x", "upgrade-r2d2x-r1"},
		{"nothing but a number", "r1", "r1-r1"},
		{"no room", long, long[:55] + "-r1"},
		{"less room", long[:55] + "-r9", long[:53] + "-r10"},
		{"no room but for a dash", "a" + strings.Repeat("-", 57), "a-r1"},
	} {
		if got := nextName(tc.name); got != tc.want || len(got) > maxRunName {
			t.Errorf("%s: nextName(%q) = %q, want %q", tc.reason, tc.name, got, tc.want)
		}
	}
}
