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
	"k8s.io/client-go/rest"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/servers/kube"
)

func TestWithoutValue(t *testing.T) {
	for _, tc := range []struct{ reason, message, want string }{
		{"a string", `Invalid value: "5 \"minutes": timeout must be a duration`, "timeout must be a duration"},
		{"an object", `Invalid value: {"appName":"a: b","script":"x"}: exactly one of them`, "exactly one of them"},
		{"a number", `Invalid value: 0: must be at least 1`, "must be at least 1"},
		{"no value", "Invalid value: the name must be a DNS label: a-z", "the name must be a DNS label: a-z"},
		{"another kind of message", "Required value", "Required value"},
	} {
		if got := withoutValue(tc.message); got != tc.want {
			t.Errorf("%s: withoutValue(%q) = %q, want %q", tc.reason, tc.message, got, tc.want)
		}
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
			"a run of nearly that name", good, "test logs there1",
			fmt.Sprintf("error: testrun \"there1\" is not there in namespace %q: did you mean there?\n", namespace),
		},
		{
			"no right to list", good, "test list --as jane",
			fmt.Sprintf("error: you (jane) have no right to list testruns in namespace %q\nAsk for a Role with: apiGroups: [\"topas.dev\"], resources: [\"testruns\"], verbs: [\"list\"]\n", namespace),
		},
		{
			"no right to list them all", good, "test list -A --as jane",
			"error: you (jane) have no right to list testruns in all namespaces\nAsk for a ClusterRole with: apiGroups: [\"topas.dev\"], resources: [\"testruns\"], verbs: [\"list\"]\n",
		},
		{
			"no right to schedule", good, "test schedule --app a --git https://h/r --git-path p --as jane",
			fmt.Sprintf("error: you (jane) have no right to create testruns in namespace %q\nAsk for a Role with: apiGroups: [\"topas.dev\"], resources: [\"testruns\"], verbs: [\"create\"]\n", namespace),
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
