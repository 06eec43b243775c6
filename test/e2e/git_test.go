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

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

// Tests come from a real git server; what is not there is said with its name.
func TestGitSource(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	create(t, sampleApp(t, ns))
	gitServer(t, ns, map[string]string{
		"smoke_test.lua": "local greet = require('greet')\nprint(greet('git'))\nassert(require('net').get('http://frontend/version').code == 200)\n",
		"greet.lua":      "return function(name) return 'hello from ' .. name end\n",
	})
	untilReady(t, sampleApp(t, ns))

	for _, tc := range []struct {
		name, reason string
		git          topasv1alpha1.GitSource
		wantState    topasv1alpha1.TestRunState
		wantReason   string
		wantMessage  []string
	}{
		{
			name: "by-tag", reason: "a tag is resolved to its commit, and a module beside the script is found",
			git:       topasv1alpha1.GitSource{URL: "http://gitserver:8080/tests.git", Revision: "v1.0.0", Path: "smoke_test.lua"},
			wantState: topasv1alpha1.TestRunPassed, wantReason: topasv1alpha1.ReasonPassed,
		},
		{
			name: "default-branch", reason: "without a revision the default branch is taken",
			git:       topasv1alpha1.GitSource{URL: "http://gitserver:8080/tests.git", Path: "smoke_test.lua"},
			wantState: topasv1alpha1.TestRunPassed, wantReason: topasv1alpha1.ReasonPassed,
		},
		{
			name: "no-revision", reason: "a revision that is not there is named",
			git:       topasv1alpha1.GitSource{URL: "http://gitserver:8080/tests.git", Revision: "v9.9.9", Path: "smoke_test.lua"},
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonGitCloneFailed,
			wantMessage: []string{"v9.9.9", "http://gitserver:8080/tests.git"},
		},
		{
			name: "no-path", reason: "a path that is not there is named",
			git:       topasv1alpha1.GitSource{URL: "http://gitserver:8080/tests.git", Revision: "main", Path: "smoke/other_test.lua"},
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonGitCloneFailed,
			wantMessage: []string{"smoke/other_test.lua"},
		},
		{
			name: "no-repository", reason: "a repository that is not there is named",
			git:       topasv1alpha1.GitSource{URL: "http://gitserver:8080/other.git", Path: "smoke_test.lua"},
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonGitCloneFailed,
			wantMessage: []string{"http://gitserver:8080/other.git"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			run := testRun(ns, tc.name, "")
			run.Spec.Git = &tc.git
			create(t, run)
			untilFinished(t, run)
			if run.Status.State != tc.wantState || run.Status.Reason != tc.wantReason {
				t.Errorf("%s: ended as %s, want %s/%s", tc.reason, describeRun(run), tc.wantState, tc.wantReason)
			}
			for _, want := range tc.wantMessage {
				if !strings.Contains(run.Status.Message, want) {
					t.Errorf("%s: the message does not contain %q: %s", tc.reason, want, run.Status.Message)
				}
			}
			if tc.wantState == topasv1alpha1.TestRunPassed && len(run.Status.GitCommit) != 40 {
				t.Errorf("%s: gitCommit is %q, want a full SHA", tc.reason, run.Status.GitCommit)
			}
		})
	}
}

// gitServer serves the files as the repository tests.git at http://gitserver:8080, with one commit
// on main and the tag v1.0.0.
func gitServer(t *testing.T, ns string, files map[string]string) {
	t.Helper()
	labels := map[string]string{"app": "gitserver"}
	meta := metav1.ObjectMeta{Namespace: ns, Name: "gitserver", Labels: labels}
	create(t, &corev1.ConfigMap{ObjectMeta: meta, Data: files})
	create(t, &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
		Selector: labels, Ports: []corev1.ServicePort{{Port: 8080}},
	}})
	pod := restrictedPod(ns, "gitserver", "localhost/topas/gitserver:dev")
	pod.Spec.Containers[0].ReadinessProbe = &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}},
	}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{
		{Name: "content", MountPath: "/content/tests"}, {Name: "tmp", MountPath: "/tmp"},
	}
	pod.Spec.Volumes = []corev1.Volume{
		{Name: "content", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "gitserver"}}}},
		{Name: "tmp", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
	}
	server := &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod.Spec},
	}}
	create(t, server)
	until(t, server, time.Minute, "is ready", func(d *appsv1.Deployment) bool { return d.Status.ReadyReplicas == 1 },
		func(d *appsv1.Deployment) string { return d.Status.String() })
}
