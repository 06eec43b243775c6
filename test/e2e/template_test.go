//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

// A run gets its parameters, and a Pod of its own wishes.
func TestParamsAndPodTemplate(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	app := &topasv1alpha1.App{}
	app.Namespace, app.Name = ns, "mock-app"
	create(t, app)
	run := testRun(ns, "placed", `
assert(os.getenv("GREETING") == "a=\"b\"\n", "GREETING is " .. tostring(os.getenv("GREETING")))
assert(os.getenv("PLACE") == nil, "the script sees the environment of its Pod")
`)
	run.Spec.Params = map[string]string{"GREETING": "a=\"b\"\n"}
	run.Spec.PodTemplate = &topasv1alpha1.PodTemplate{
		Labels:       map[string]string{"team": "qa"},
		NodeSelector: map[string]string{corev1.LabelOSStable: "linux"},
		Env:          []corev1.EnvVar{{Name: "PLACE", Value: "here"}},
		Resources:    &topasv1alpha1.Resources{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")}},
	}
	create(t, run)
	untilFinished(t, run)
	if run.Status.State != topasv1alpha1.TestRunPassed {
		t.Errorf("the run ended as %s", describeRun(run))
	}
	pod := &corev1.Pod{}
	if err := cluster.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: run.Status.PodName}, pod); err != nil {
		t.Fatal(err)
	}
	container := pod.Spec.Containers[0]
	if pod.Labels["team"] != "qa" || container.Resources.Limits.Memory().String() != "128Mi" ||
		container.Env[len(container.Env)-1].Value != "here" {
		t.Errorf("the Pod is not what its template says: %+v", pod)
	}
}
