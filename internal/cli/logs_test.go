/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/cli/kubelettest"
	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/test/servers/kube"
)

// makeEndedPod plays manager and kubelet for a run whose script has ended.
func makeEndedPod(t *testing.T, c client.Client, run *v1alpha1.TestRun, node string, exitCode int32) *corev1.Pod {
	t.Helper()
	isController := true
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: run.Namespace, Name: run.Name + "-1", Labels: map[string]string{v1alpha1.LabelTestRun: run.Name},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "TestRun", Name: run.Name, UID: run.UID, Controller: &isController,
			}},
		},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: contract.RunnerContainer, Image: "runner"}}},
	}
	if err := c.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Delete(context.Background(), pod, client.GracePeriodSeconds(0)) })
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: contract.RunnerContainer, ContainerID: "containerd://1",
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: exitCode, StartedAt: metav1.Now(), FinishedAt: metav1.Now()}},
	}}
	if err := c.Status().Update(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	return pod
}

func TestLogs(t *testing.T) {
	server := kube.Start(t)
	namespace := server.NewNamespace(t)
	kubeconfig(t, server.Config, namespace)
	kubelet := kubelettest.Start(t, server.Client)
	run := makeRun(t, server.Client, namespace, "upgrade", v1alpha1.TestRunStatus{
		State: v1alpha1.TestRunFailed, Reason: v1alpha1.ReasonAssertionFailed, Duration: "1.5s", Message: "a.lua:3: no",
	})
	pod := makeEndedPod(t, server.Client, run, kubelet.Node, 1)
	at := time.Date(2026, 3, 1, 12, 0, 0, 500, time.UTC)
	kubelet.WriteAt(pod.Name+"/runner", at, "one\n")
	kubelet.WriteAt(pod.Name+"/runner", at.Add(1), "two\n")
	kubelet.End(pod.Name + "/runner")

	verdict := "Test upgrade: Failed (AssertionFailed) after 1.5s\n  a.lua:3: no\n"
	for _, tc := range []struct{ args, want string }{
		{"test logs upgrade", "one\ntwo\n"},
		{"test logs upgrade --attempt 1", "one\ntwo\n"},
		{"test logs -f upgrade", "one\ntwo\n"},
		{"test logs -f @latest", "one\ntwo\n"},
		{"test logs upgrade --tail 1", "two\n"},
		{"test logs -f upgrade --tail 1", "two\n"},
		{"test logs upgrade --tail 0", ""},
		{"test logs upgrade --tail 1 --timestamps", "2026-03-01T12:00:00.000000501Z two\n"},
		{"test logs upgrade --since 1m", ""},
	} {
		t.Run(tc.args, func(t *testing.T) {
			// Who follows a run gets its verdict, who looks at a log does not.
			want := result{Stdout: tc.want, Stderr: verdict, Code: ExitOK}
			if strings.Contains(tc.args, "-f") {
				want.Code = ExitFailed
			}
			if diff := cmp.Diff(want, call(t.Context(), "", strings.Fields(tc.args)...)); diff != "" {
				t.Errorf("logs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLogsOfARunWithoutAPod(t *testing.T) {
	server := kube.Start(t)
	namespace := server.NewNamespace(t)
	kubeconfig(t, server.Config, namespace)
	makeRun(t, server.Client, namespace, "queued", v1alpha1.TestRunStatus{State: v1alpha1.TestRunPending, Reason: v1alpha1.ReasonQueued, Message: "no free slot"})
	makeRun(t, server.Client, namespace, "homeless", v1alpha1.TestRunStatus{State: v1alpha1.TestRunError, Reason: v1alpha1.ReasonAppNotFound, Message: "no such App"})

	for _, tc := range []struct{ args, want string }{
		{"test logs queued", "Test queued: Pending (Queued)\n  no free slot\nerror: testrun \"queued\" has no log yet: it waits for its turn (Queued: no free slot)\n"},
		{"test logs homeless", "Test homeless: Error (AppNotFound)\n  no such App\nerror: testrun \"homeless\" has no log: its script was never started\n"},
		{"test logs -f homeless", "There is no log: the script was never started\nTest homeless: Error (AppNotFound)\n  no such App\n"},
		{"test logs homeless --attempt 2", "error: testrun \"homeless\" has no attempt 2: its last one is 1\n"},
	} {
		want := result{Stderr: tc.want, Code: ExitError}
		if diff := cmp.Diff(want, call(t.Context(), "", strings.Fields(tc.args)...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.args, diff)
		}
	}
}

// Whoever presses Ctrl-C is told that the test goes on, and does not get the exit code of success.
func TestLogsDetach(t *testing.T) {
	server := kube.Start(t)
	namespace := server.NewNamespace(t)
	kubeconfig(t, server.Config, namespace)
	makeRun(t, server.Client, namespace, "queued", v1alpha1.TestRunStatus{State: v1alpha1.TestRunPending, Reason: v1alpha1.ReasonQueued})

	ctx, interrupt := context.WithCancel(t.Context())
	var said strings.Builder
	stop := writerFunc(func(p []byte) (int, error) {
		said.Write(p)
		if strings.Contains(said.String(), "Waiting for its turn") {
			interrupt()
		}
		return len(p), nil
	})
	in := Invocation{Program: "kctrl", Args: []string{"test", "logs", "-f", "queued", "-n", namespace}}
	in.Streams.In, in.Streams.Out, in.Streams.ErrOut = strings.NewReader(""), stop, stop
	code := Run(ctx, in)
	want := fmt.Sprintf("Waiting for its turn (Queued)\nDetached, the test goes on. Follow it again with: kctrl test logs -f queued -n %s\n", namespace)
	if diff := cmp.Diff(want, said.String()); diff != "" || code != ExitInterrupted {
		t.Errorf("exit code %d, said (-want +got):\n%s", code, diff)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
