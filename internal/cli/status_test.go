/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/servers/kube"
)

// makeRun plays kctrl and the manager.
func makeRun(t *testing.T, c client.Client, namespace, name string, status v1alpha1.TestRunStatus) *v1alpha1.TestRun {
	t.Helper()
	run := &v1alpha1.TestRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{v1alpha1.LabelApp: "my-app"}},
		Spec:       v1alpha1.TestRunSpec{AppName: "my-app", Script: "print(1)"},
	}
	if err := c.Create(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	run.Status = status
	if err := c.Status().Update(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	return run
}

func TestStatusOfRecentRuns(t *testing.T) {
	server := kube.Start(t)
	namespace, empty := server.NewNamespace(t), server.NewNamespace(t)
	kubeconfig(t, server.Config, namespace)
	for i := range 3 {
		makeRun(t, server.Client, namespace, fmt.Sprintf("run-%d", i), v1alpha1.TestRunStatus{State: v1alpha1.TestRunFailed, Reason: "AssertionFailed"})
	}

	got := call(t.Context(), "", "test", "status")
	if got.Code != ExitOK || got.Stderr != "" {
		t.Errorf("a list with failed runs: %+v, want exit code 0", got)
	}
	for _, want := range []string{"NAME ", "run-0 ", "run-1 ", "run-2 "} {
		if !strings.Contains(got.Stdout, want) {
			t.Errorf("%q is not in the list:\n%s", want, got.Stdout)
		}
	}
	names := call(t.Context(), "", "test", "status", "-o", "name")
	if lines := strings.Fields(names.Stdout); len(lines) != 3 || !strings.HasPrefix(lines[0], "testrun.topas.dev/run-") {
		t.Errorf("names: %+v", names)
	}
	limited := call(t.Context(), "", "test", "status", "--limit", "2", "-o", "json")
	var list v1alpha1.TestRunList
	if err := yaml.UnmarshalStrict([]byte(limited.Stdout), &list); err != nil {
		t.Fatalf("stdout is no list: %v\n%s", err, limited.Stdout)
	}
	if len(list.Items) != 2 || list.Kind != "TestRunList" || limited.Stderr != "The newest 2 of 3: --limit 0 lists all\n" {
		t.Errorf("limited list of %d %s says %q", len(list.Items), list.Kind, limited.Stderr)
	}
	if none := call(t.Context(), "", "test", "status", "-l", "topas.dev/app=other"); none.Stdout != "" || none.Code != ExitOK {
		t.Errorf("selected list: %+v, want none", none)
	}
	want := result{Stderr: fmt.Sprintf("No tests found in namespace %q\n", empty)}
	if diff := cmp.Diff(want, call(t.Context(), "", "test", "status", "-n", empty)); diff != "" {
		t.Errorf("empty namespace (-want +got):\n%s", diff)
	}
	all := call(t.Context(), "", "test", "status", "-A")
	if !strings.HasPrefix(all.Stdout, "NAMESPACE") || strings.Count(all.Stdout, namespace) != 3 {
		t.Errorf("list of all namespaces:\n%s", all.Stdout)
	}
}
