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

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

// hungry needs more and more memory.
const hungry = "local kept = {}\nwhile true do kept[#kept + 1] = string.rep('x', 1024 * 1024) .. #kept end\n"

// What the cluster does to the Pod of a run, and what keeps it from having one, is the reason of the run. The list of all
// reasons, and of the tests that bring them about, is in reason_list_test.go.
func TestReasons(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	emptyApp(t, ns)

	for _, tc := range []struct {
		name, reason string
		script       string
		change       func(*topasv1alpha1.TestRun)
		// before is called before the run is made, happens once its script runs, and waits until the run has to end.
		before, happens, waits func(*testing.T, *topasv1alpha1.TestRun)
		wantState              topasv1alpha1.TestRunState
		wantReason             string
		wantMessage            []string
	}{
		{
			name: "passes", reason: "it is seen to run before it passes", script: untilOpen,
			happens: func(t *testing.T, run *topasv1alpha1.TestRun) {
				if run.Status.Reason != topasv1alpha1.ReasonRunning {
					t.Errorf("a run that runs is %s", describeRun(run))
				}
				openGate(t, ns)
			},
			wantState: topasv1alpha1.TestRunPassed, wantReason: topasv1alpha1.ReasonPassed,
		},
		{
			name: "hungry", reason: "a script that needs more memory than its container may use is killed", script: hungry,
			change: template(topasv1alpha1.PodTemplate{Resources: &topasv1alpha1.Resources{
				Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")},
			}}),
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonOOMKilled,
			wantMessage: []string{"more memory"},
		},
		{
			name: "no-node", reason: "a Pod that fits no node waits until the start deadline",
			change: template(topasv1alpha1.PodTemplate{NodeSelector: map[string]string{"topas.dev/no-such-node": "true"}}),
			waits: func(t *testing.T, run *topasv1alpha1.TestRun) {
				until(t, run, time.Minute, "says what it waits for", func(r *topasv1alpha1.TestRun) bool {
					return r.Status.Reason == topasv1alpha1.ReasonStarting && strings.Contains(r.Status.Message, "node affinity/selector")
				}, describeRun)
			},
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonUnschedulable,
			wantMessage: []string{"did not start within 30s", "node affinity/selector"},
		},
		{
			name: "no-config", reason: "a container that can't be made is given up at the start deadline",
			change: template(topasv1alpha1.PodTemplate{Env: []corev1.EnvVar{{Name: "COLOR", ValueFrom: &corev1.EnvVarSource{
				ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "no-colors"}, Key: "red"},
			}}}}),
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonStartFailed,
			wantMessage: []string{"did not start within 30s", `configmap "no-colors" not found`},
		},
		{
			name: "no-rights", reason: "a runner that may not read its App has failed itself",
			change:    template(topasv1alpha1.PodTemplate{ServiceAccountName: "default"}),
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonRunnerCrashed,
			wantMessage: []string{"forbidden", `"system:serviceaccount:` + ns + `:default"`},
		},
		{
			name: "quota", reason: "a Pod that the namespace has no room for is tried until the start deadline",
			before: func(t *testing.T, run *topasv1alpha1.TestRun) {
				run.Namespace = namespace(t)
				emptyApp(t, run.Namespace)
				quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: run.Namespace, Name: "none"}}
				quota.Spec.Hard = corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}
				create(t, quota)
				until(t, quota, time.Minute, "counts", func(q *corev1.ResourceQuota) bool { return len(q.Status.Hard) > 0 },
					func(q *corev1.ResourceQuota) string { return q.Status.String() })
			},
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonPodCreateFailed,
			wantMessage: []string{"did not start within 30s", "exceeded quota: none"},
		},
		{
			name: "taken", reason: "a Pod of somebody else is left alone",
			before: func(t *testing.T, run *topasv1alpha1.TestRun) {
				create(t, restrictedPod(ns, podOf(run).Name, "localhost/topas/runner:dev"))
			},
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonPodNameTaken,
			wantMessage: []string{"taken-1"},
		},
		{
			name: "too-large", reason: "what no ConfigMap could hold is refused",
			change: func(run *topasv1alpha1.TestRun) {
				run.Spec.Files = map[string]string{"data.txt": strings.Repeat("x", 1<<20)}
			},
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonBundleTooLarge,
			wantMessage: []string{"at most 1032192 are allowed"},
		},
		{
			name: "two-of-a-name", reason: "a file with the name of the script is refused",
			change:    func(run *topasv1alpha1.TestRun) { run.Spec.Files = map[string]string{"two-of-a-name.lua": "return 1"} },
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonBundleInvalid,
			wantMessage: []string{`"two-of-a-name.lua"`},
		},
		{
			name: "deleted", reason: "a script whose Pod is deleted is stopped", script: endless,
			happens: func(t *testing.T, run *topasv1alpha1.TestRun) {
				if err := cluster.Delete(t.Context(), podOf(run)); err != nil {
					t.Fatal(err)
				}
			},
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonTerminated,
		},
		{
			name: "deleted-at-once", reason: "a Pod that is gone tells nothing", script: endless,
			happens: func(t *testing.T, run *topasv1alpha1.TestRun) {
				if err := cluster.Delete(t.Context(), podOf(run), client.GracePeriodSeconds(0)); err != nil {
					t.Fatal(err)
				}
			},
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonPodDeleted,
			wantMessage: []string{"deleted-at-once-1"},
		},
		{
			name: "evicted", reason: "a drain of the node takes the Pod away", script: endless,
			happens: evict, wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonEvicted,
			wantMessage: []string{"evicted-1", "Eviction API"},
		},
		{
			name: "silent-server", reason: "the time of a Pod is over before its script starts",
			change: func(run *topasv1alpha1.TestRun) {
				run.Spec.Script = ""
				run.Spec.Git = &topasv1alpha1.GitSource{URL: "http://silent:8080/tests.git", Path: "smoke_test.lua"}
			},
			before: func(t *testing.T, _ *topasv1alpha1.TestRun) {
				server(t, ns, "silent", "require('net').createServer(() => {}).listen(8080)")
			},
			waits: func(t *testing.T, run *topasv1alpha1.TestRun) {
				pod := podOf(run)
				until(t, run, time.Minute, "fetches", func(r *topasv1alpha1.TestRun) bool {
					return strings.Contains(r.Status.Message, "being fetched")
				}, describeRun)
				before := pod.DeepCopy()
				pod.Spec.ActiveDeadlineSeconds = new(int64(1))
				if err := cluster.Patch(t.Context(), pod, client.MergeFrom(before)); err != nil {
					t.Fatal(err)
				}
			},
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonDeadlineExceeded,
			wantMessage: []string{"the script had not started when the time of its Pod was over"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			run := testRun(ns, tc.name, "print('never')\n")
			if tc.script != "" {
				run.Spec.Script = tc.script
			}
			if tc.change != nil {
				tc.change(run)
			}
			if tc.before != nil {
				tc.before(t, run)
			}
			if tc.happens != nil {
				begin(t, run)
				tc.happens(t, run)
			} else {
				create(t, run)
			}
			if tc.waits != nil {
				tc.waits(t, run)
			}
			checkEnd(t, run, tc.wantState, tc.wantReason, tc.wantMessage...)
			if t.Failed() {
				t.Log(tc.reason)
			}
		})
	}
}

func template(podTemplate topasv1alpha1.PodTemplate) func(*topasv1alpha1.TestRun) {
	return func(run *topasv1alpha1.TestRun) { run.Spec.PodTemplate = &podTemplate }
}

// evict takes the Pod of the run away as a drain of its node does.
func evict(t *testing.T, run *topasv1alpha1.TestRun) {
	t.Helper()
	evictPod(t, podOf(run))
}

func evictPod(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	if err := cluster.SubResource("eviction").Create(t.Context(), pod, &policyv1.Eviction{}); err != nil {
		t.Fatalf("evicting Pod %s: %v", pod.Name, err)
	}
}
