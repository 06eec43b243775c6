//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

// What a person does to the objects of an App with kubectl goes back, and so do its Pods.
func TestHandEditsGoBack(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	app := sampleApp(t, ns)
	one := int32(1)
	for i := range app.Spec.Services {
		app.Spec.Services[i].Replicas, app.Spec.Services[i].EnvVars["DRAIN_DELAY"] = &one, "0s"
	}
	create(t, app)
	untilReady(t, app)
	want, settled := look(t, ns)
	if !settled {
		t.Fatalf("an App that is ready still moves: %+v", want)
	}

	for _, edit := range [][]string{
		{"delete", "deployment", "mock-app-frontend"},
		{"delete", "service", "mock-app-echo"},
		{"scale", "deployment", "mock-app-frontend", "--replicas=3"},
		{"scale", "deployment", "mock-app-db", "--replicas=0"},
		{"set", "image", "deployment/mock-app-echo", "service=localhost/topas/echo:v1.1.0"},
		{"set", "env", "deployment/mock-app-frontend", "PGHOST=nowhere", "EXTRA=1"},
		{"label", "--overwrite", "deployment", "mock-app-echo", "app.kubernetes.io/component=other"},
	} {
		out, err := exec.CommandContext(t.Context(), "kubectl", append([]string{"-n", ns}, edit...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("kubectl %v: %v: %s", edit, err, out)
		}
		untilLooks(t, ns, fmt.Sprintf("after kubectl %v", edit), want)
		untilReady(t, app)
	}
	// The database began anew, and has its schema again.
	untilRows(t, ns, "db", "")
}

// part is what there is of a service or database: nothing that the cluster chooses by itself.
type part struct {
	Labels   map[string]string
	Template corev1.PodSpec
	Replicas int32
	Ports    []corev1.ServicePort
	Selector map[string]string
	// Images are those of its Pods.
	Images []string
}

// look returns what there is of the App, and whether all of its Pods are as their Deployments want them.
func look(t *testing.T, ns string) (parts map[string]part, settled bool) {
	t.Helper()
	var deployments appsv1.DeploymentList
	var services corev1.ServiceList
	var pods corev1.PodList
	for _, list := range []client.ObjectList{&deployments, &services, &pods} {
		if err := cluster.List(t.Context(), list, client.InNamespace(ns), client.HasLabels{topasv1alpha1.LabelApp}); err != nil {
			t.Fatal(err)
		}
	}
	parts, settled = map[string]part{}, true
	for _, d := range deployments.Items {
		s, n := d.Status, *d.Spec.Replicas
		settled = settled && s.ObservedGeneration == d.Generation && s.UpdatedReplicas == n && s.ReadyReplicas == n && s.Replicas == n
		parts[d.Name] = part{Labels: d.Labels, Template: d.Spec.Template.Spec, Replicas: n}
	}
	for _, s := range services.Items {
		p := parts[s.Name]
		p.Ports, p.Selector = s.Spec.Ports, s.Spec.Selector
		parts[s.Name] = p
	}
	for _, pod := range pods.Items {
		if pod.Labels["app.kubernetes.io/component"] == "schema" {
			continue
		}
		settled = settled && pod.DeletionTimestamp == nil
		name := "mock-app-" + pod.Labels["app.kubernetes.io/name"]
		p := parts[name]
		p.Images = append(p.Images, pod.Spec.Containers[0].Image)
		parts[name] = p
	}
	return parts, settled
}

func untilLooks(t *testing.T, ns, when string, want map[string]part) {
	t.Helper()
	var diff string
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, 2*time.Minute, true, func(context.Context) (bool, error) {
		got, settled := look(t, ns)
		diff = cmp.Diff(want, got)
		return settled && diff == "", nil
	})
	if err != nil {
		t.Fatalf("%s: %v; what is left to do (-want +got):\n%s", when, err, diff)
	}
}
