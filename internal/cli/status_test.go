/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"fmt"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
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

func TestErrorsSayWhatToDo(t *testing.T) {
	server := kube.Start(t)
	namespace, empty := server.NewNamespace(t), server.NewNamespace(t)
	makeRun(t, server.Client, namespace, "there", v1alpha1.TestRunStatus{})
	good := kubeconfig(t, server.Config, namespace)
	dead := kubeconfig(t, &rest.Config{Host: "http://127.0.0.1:1"}, namespace)
	bareHost := withoutTopas(t, server.Config)
	bare := kubeconfig(t, &rest.Config{Host: bareHost}, namespace)
	missing := filepath.Join(t.TempDir(), "missing")

	for _, tc := range []struct {
		reason, kubeconfig, args, want string
	}{
		{
			"a run that is not there", good, "test status nope",
			fmt.Sprintf("error: testrun \"nope\" is not there in namespace %q\nThe most recent ones are: there\nChoose another namespace with -n\n", namespace),
		},
		{
			"the log of a run that is not there", good, "test logs -f nope",
			fmt.Sprintf("error: testrun \"nope\" is not there in namespace %q\nThe most recent ones are: there\nChoose another namespace with -n\n", namespace),
		},
		{
			"the latest of none", good, "test status @latest -n " + empty,
			fmt.Sprintf("error: there is no testrun in namespace %q\nChoose another namespace with -n; 'test status -A' lists the runs of all of them\n", empty),
		},
		{
			"a namespace that is not there", good, "test schedule --app a --git https://h/r --git-path p -n nowhere",
			"error: namespace \"nowhere\" does not exist: choose another with -n, or make it with kubectl create namespace nowhere\n",
		},
		{
			"a cluster that is down", dead, "test status",
			"error: the cluster at http://127.0.0.1:1 can't be reached: dial tcp 127.0.0.1:1: connect: connection refused\n" +
				"It is the context \"test\" of " + dead + ": is the cluster up, and is it the right one?\n",
		},
		{
			"a cluster without TOPAS", bare, "test status",
			"error: TOPAS is not installed in the cluster at HOST: run make deploy\n",
		},
		{
			"a run in a cluster without TOPAS", bare, "test status nope",
			"error: TOPAS is not installed in the cluster at HOST: run make deploy\n",
		},
		{
			"scheduling in a cluster without TOPAS", bare, "test schedule --app a --git https://h/r --git-path p",
			"error: TOPAS is not installed in the cluster at HOST: run make deploy\n",
		},
		{
			"no kubeconfig", missing, "test status",
			"error: the cluster at http://localhost:8080 can't be reached: ",
		},
		{
			"a kubeconfig that is named and not there", good, "test status --kubeconfig " + missing,
			"error: reading the kubeconfig: stat " + missing + ": no such file or directory\n",
		},
		{
			"a context that is not there", good, "test status --context other",
			"error: reading the kubeconfig: invalid configuration: context was not found for specified context: other\n",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Setenv("KUBECONFIG", tc.kubeconfig)
			got := call(t.Context(), "", strings.Fields(tc.args)...)
			want := tc.want
			if tc.kubeconfig == bare {
				want = strings.Replace(want, "HOST", bareHost, 1)
			}
			if got.Code != ExitError || got.Stdout != "" {
				t.Errorf("exit code %d, stdout %q", got.Code, got.Stdout)
			}
			if !strings.HasPrefix(got.Stderr, want) {
				t.Errorf("stderr (-want +got):\n%s", cmp.Diff(want, got.Stderr))
			}
		})
	}
}

// withoutTopas returns the address of the same server for callers that ask for a group which it
// does not know.
func withoutTopas(t *testing.T, config *rest.Config) string {
	t.Helper()
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.URL.Path = strings.Replace(r.Out.URL.Path, "/apis/topas.dev/", "/apis/unknown.example.com/", 1)
		},
	})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

func TestCompletion(t *testing.T) {
	server := kube.Start(t)
	namespace := server.NewNamespace(t)
	kubeconfig(t, server.Config, namespace)
	makeRun(t, server.Client, namespace, "upgrade", v1alpha1.TestRunStatus{State: v1alpha1.TestRunPassed})
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "my-app"}}
	if err := server.Client.Create(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ args, want string }{
		{"test logs ", "upgrade\tPassed my-app\n"},
		{"test status ", "upgrade\tPassed my-app\n"},
		{"test schedule --app ", "my-app\n"},
		{"test status -n ", namespace + "\n"},
	} {
		args := append([]string{"__complete"}, strings.Split(tc.args, " ")...)
		got := call(t.Context(), "", args...)
		if got.Code != ExitOK || !strings.Contains(got.Stdout, tc.want) {
			t.Errorf("completion of %q: %+v, want %q", tc.args, got, tc.want)
		}
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	if got := call(t.Context(), "", "__complete", "test", "logs", ""); !strings.HasPrefix(got.Stdout, ":") {
		t.Errorf("completion without a cluster: %+v, want nothing", got)
	}
}
