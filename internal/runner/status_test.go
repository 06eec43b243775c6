/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/test/servers/kube"
)

func newTestRun(t *testing.T, server *kube.Server, namespace, name string) *v1alpha1.TestRun {
	t.Helper()
	run := &v1alpha1.TestRun{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	run.Spec = v1alpha1.TestRunSpec{AppName: "mock-app", Script: "print(1)"}
	must(t, server.Client.Create(t.Context(), run))
	run.Status.State, run.Status.PodName = v1alpha1.TestRunRunning, name+"-1"
	must(t, server.Client.Status().Update(t.Context(), run))
	return run
}

func statusOf(server *kube.Server, run *v1alpha1.TestRun) *Status {
	return &Status{
		Cluster:   func() (*rest.Config, error) { return server.Config, nil },
		Namespace: run.Namespace, Name: run.Name, UID: run.UID,
	}
}

// What is reported is in the status as its type there says, and nothing else is changed.
func TestStatusShowsTheCases(t *testing.T) {
	server := kube.Start(t)
	run := newTestRun(t, server, server.NewNamespace(t), "shows")
	status := statusOf(server, run)

	var p contract.Progress
	p.Add("checkout/creates order", contract.CaseFailed, "orders.lua:31: no", 412*time.Millisecond)
	p.Add("checkout/pays", contract.CaseSkipped, "no printer", 0)
	must(t, status.Report(t.Context(), p))
	want := run.Status.DeepCopy()
	want.Cases = &v1alpha1.TestRunCases{Total: 2, Failed: 1, Skipped: 1}
	want.CaseResults = []v1alpha1.TestRunCase{
		{Name: "checkout/creates order", State: v1alpha1.CaseFailed, Message: "orders.lua:31: no", Duration: "412ms"},
		{Name: "checkout/pays", State: v1alpha1.CaseSkipped, Message: "no printer", Duration: "0s"},
	}
	must(t, server.Client.Get(t.Context(), client.ObjectKeyFromObject(run), run))
	if diff := cmp.Diff(want, &run.Status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}

	for i := range 300 {
		p.Add(strings.Repeat(fmt.Sprint(i), 300), contract.CaseFailed, strings.Repeat("<\xff&\x01>", 2000), time.Hour)
	}
	must(t, status.Report(t.Context(), p))
	must(t, server.Client.Get(t.Context(), client.ObjectKeyFromObject(run), run))
	if s := run.Status; len(s.CaseResults) != 200 || s.CaseResultsOmitted != 102 || s.Cases.Total != 302 {
		t.Errorf("%d results, %d omitted, cases %+v", len(s.CaseResults), s.CaseResultsOmitted, s.Cases)
	}
}

// A run that was deleted and made once more is another one.
func TestStatusOfALaterRunIsLeftAlone(t *testing.T) {
	server := kube.Start(t)
	run := newTestRun(t, server, server.NewNamespace(t), "again")
	status := statusOf(server, run)
	status.UID = types.UID("00000000-0000-0000-0000-000000000000")
	p := contract.Progress{}
	p.Add("x", contract.CasePassed, "", 0)
	if err := status.Report(t.Context(), p); !apierrors.IsInvalid(err) {
		t.Errorf("error is %v, want it to be refused", err)
	}
	must(t, server.Client.Get(t.Context(), client.ObjectKeyFromObject(run), run))
	if run.Status.Cases != nil {
		t.Errorf("cases are %+v", run.Status.Cases)
	}
}

// The role of the runner lets it patch the status of runs, and nothing else of them.
func TestStatusWithTheRoleOfTheRunner(t *testing.T) {
	server := kube.Start(t)
	namespace := server.NewNamespace(t)
	data, err := os.ReadFile("../../config/rbac/runner_role.yaml")
	must(t, err)
	role := &rbacv1.ClusterRole{}
	must(t, yaml.UnmarshalStrict(data, role))
	role.Name = namespace
	must(t, server.Client.Create(t.Context(), role))
	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "runner"}}
	binding.RoleRef = rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name}
	binding.Subjects = []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "runner-" + namespace}}
	must(t, server.Client.Create(t.Context(), binding))

	run := newTestRun(t, server, namespace, "allowed")
	config := rest.CopyConfig(server.Config)
	config.Impersonate.UserName = binding.Subjects[0].Name
	status := statusOf(server, run)
	status.Cluster = func() (*rest.Config, error) { return config, nil }
	var p contract.Progress
	p.Add("x", contract.CasePassed, "", 0)
	// The server learns of new roles by a watch of its own.
	err = status.Report(t.Context(), p)
	for deadline := time.Now().Add(30 * time.Second); apierrors.IsForbidden(err) && time.Now().Before(deadline); {
		err = status.Report(t.Context(), p)
	}
	must(t, err)
	runner, err := client.New(config, client.Options{Scheme: server.Scheme})
	must(t, err)
	if err := runner.Patch(t.Context(), run, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"cancel":true}}`))); !apierrors.IsForbidden(err) {
		t.Errorf("a patch of the spec gives %v, want it to be forbidden", err)
	}
}
