/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/servers/kube"
)

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
		{"test wait ", "upgrade\tPassed my-app\n"},
		{"test cancel other ", "upgrade\tPassed my-app\n"},
		{"test retry ", "upgrade\tPassed my-app\n"},
		{"test delete other ", "upgrade\tPassed my-app\n"},
		{"test report ", "upgrade\tPassed my-app\n"},
		{"test run --app ", "my-app\n"},
		{"test run --isolation ", "shared\nexclusive\nephemeral\n"},
		{"test cancel upgrade ", ":"},
		{"test wait upgrade ", ":"},
		{"test schedule --app ", "my-app\n"},
		{"test status -n ", namespace + "\n"},
	} {
		args := append([]string{"__complete"}, strings.Split(tc.args, " ")...)
		got := call(t.Context(), "", args...)
		if tc.want == ":" {
			// Only the directive for the shell.
			tc.want = got.Stdout[strings.LastIndex(got.Stdout, ":"):]
			if got.Stdout != tc.want {
				t.Errorf("completion of %q: %+v, want nothing", tc.args, got)
			}
		}
		if got.Code != ExitOK || !strings.Contains(got.Stdout, tc.want) {
			t.Errorf("completion of %q: %+v, want %q", tc.args, got, tc.want)
		}
	}
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	if got := call(t.Context(), "", "__complete", "test", "logs", ""); !strings.HasPrefix(got.Stdout, ":") {
		t.Errorf("completion without a cluster: %+v, want nothing", got)
	}
}

func TestCompletionScripts(t *testing.T) {
	for shell, want := range map[string]string{
		"bash": "complete -o default", "zsh": "#compdef kctrl", "fish": "complete -c kctrl", "powershell": "Register-ArgumentCompleter",
	} {
		got := call(t.Context(), "", "completion", shell)
		if got.Code != ExitOK || !strings.Contains(got.Stdout, want) || got.Stderr != "" {
			t.Errorf("completion %s: exit code %d, stderr %q, %d bytes without %q", shell, got.Code, got.Stderr, len(got.Stdout), want)
		}
	}
}
