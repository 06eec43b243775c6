//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

// untilOpen is a script that ends when openGate was called.
const untilOpen = `
local net = require("net")
print("begun")
while not pcall(net.get, "http://gate:8080/") do
  for _ = 1, 1000000 do end
end
print("done")
`

// openGate makes a server answer at http://gate:8080.
func openGate(t *testing.T, ns string) {
	t.Helper()
	server(t, ns, "gate", "require('http').createServer((_, answer) => answer.end()).listen(8080)")
}

// server runs a Pod that listens on port 8080, by a program for Node, and a Service of its name.
func server(t *testing.T, ns, name, program string) {
	t.Helper()
	pod := restrictedPod(ns, name, "localhost/topas/runner:dev")
	pod.Labels = map[string]string{"app": name}
	pod.Spec.Containers[0].Command = []string{"node", "-e", program}
	create(t, pod)
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	service.Spec = corev1.ServiceSpec{Selector: pod.Labels, Ports: []corev1.ServicePort{{Port: 8080}}}
	create(t, service)
	until(t, pod, time.Minute, "runs", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning },
		func(p *corev1.Pod) string { return p.Status.String() })
}

// untilTriedAgain waits until an attempt of the run has ended and there is to be another one.
func untilTriedAgain(t *testing.T, run *topasv1alpha1.TestRun) {
	t.Helper()
	until(t, run, 2*time.Minute, "is tried again", func(r *topasv1alpha1.TestRun) bool {
		return len(r.Status.Attempts) > 0 && !r.Status.State.Finished()
	}, describeRun)
}

func attempts(run *topasv1alpha1.TestRun) []string {
	var all []string
	for _, a := range run.Status.Attempts {
		all = append(all, fmt.Sprintf("%d %s %s/%s", a.Attempt, a.PodName, a.State, a.Reason))
	}
	return all
}

func podLog(t *testing.T, ns, pod string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "kubectl", "-n", ns, "logs", pod).CombinedOutput()
	if err != nil {
		t.Errorf("reading the log of Pod %s: %v: %s", pod, err, out)
	}
	return string(out)
}

// A run that the cluster has disturbed is tried again, and every attempt can be looked at.
func TestRetries(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	emptyApp(t, ns)

	t.Run("evicted once", func(t *testing.T) {
		run := testRun(ns, "evicted-once", untilOpen)
		run.Spec.Retries = 3
		begin(t, run)
		evict(t, run)
		untilTriedAgain(t, run)
		openGate(t, ns)
		checkEnd(t, run, topasv1alpha1.TestRunPassed, topasv1alpha1.ReasonPassedAfterRetry)
		want := []string{"1 evicted-once-1 Error/Evicted", "2 evicted-once-2 Passed/PassedAfterRetry"}
		if diff := cmp.Diff(want, attempts(run)); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
		if log := podLog(t, ns, "evicted-once-2"); !strings.Contains(log, "done") {
			t.Errorf("the log of the second attempt is %q", log)
		}
	})

	// What evicts a Pod deletes it. One that ends by itself is kept, with its log.
	t.Run("not allowed at first", func(t *testing.T) {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "visitor"}}
		create(t, account)
		run := testRun(ns, "visits", "print('done')\n")
		run.Spec.Retries = 10
		run.Spec.PodTemplate = &topasv1alpha1.PodTemplate{ServiceAccountName: account.Name}
		create(t, run)
		untilTriedAgain(t, run)
		create(t, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "visitor"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "topas-runner"},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: ns, Name: account.Name}},
		})
		checkEnd(t, run, topasv1alpha1.TestRunPassed, topasv1alpha1.ReasonPassedAfterRetry)
		last := len(run.Status.Attempts)
		for i, a := range run.Status.Attempts {
			pod, reason, logged := fmt.Sprintf("visits-%d", i+1), topasv1alpha1.ReasonRunnerCrashed, "forbidden"
			if i+1 == last {
				reason, logged = topasv1alpha1.ReasonPassedAfterRetry, "done"
			}
			if a.PodName != pod || a.Reason != reason {
				t.Errorf("attempt %d is %+v, want %s of Pod %s", i+1, a, reason, pod)
			}
			if err := cluster.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: pod}, &corev1.Pod{}); err != nil {
				t.Error(err)
			}
			if log := podLog(t, ns, pod); !strings.Contains(log, logged) {
				t.Errorf("the log of attempt %d does not contain %q: %q", i+1, logged, log)
			}
		}
		if last < 2 {
			t.Errorf("there are %d attempts, want more than one", last)
		}
	})

	t.Run("as often as it may", func(t *testing.T) {
		run := testRun(ns, "evicted-twice", endless)
		run.Spec.Retries = 1
		begin(t, run)
		evict(t, run)
		untilTriedAgain(t, run)
		second := podOf(run)
		second.Name = run.Name + "-2"
		until(t, run, time.Minute, "runs again", func(r *topasv1alpha1.TestRun) bool {
			out, err := exec.CommandContext(t.Context(), "kubectl", "-n", ns, "logs", second.Name).Output()
			return err == nil && strings.Contains(string(out), "begun")
		}, describeRun)
		evictPod(t, second)
		checkEnd(t, run, topasv1alpha1.TestRunError, topasv1alpha1.ReasonEvicted, second.Name)
		want := []string{"1 evicted-twice-1 Error/Evicted", "2 evicted-twice-2 Error/Evicted"}
		if diff := cmp.Diff(want, attempts(run)); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
	})
}
