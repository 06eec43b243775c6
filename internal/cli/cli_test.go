/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/topas-dev/topas/test/servers/kube"
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	os.Exit(kube.Run(m))
}

// result is what a call leaves behind.
type result struct {
	Stdout, Stderr string
	Code           int
}

// call runs kctrl as main does.
func call(ctx context.Context, stdin string, args ...string) result {
	var out, errOut bytes.Buffer
	code := Run(ctx, Invocation{
		Program: "/usr/local/bin/kctrl",
		Args:    args,
		Streams: genericiooptions.IOStreams{In: strings.NewReader(stdin), Out: &out, ErrOut: &errOut},
	})
	return result{Stdout: out.String(), Stderr: errOut.String(), Code: code}
}

// kubeconfig writes a kubeconfig for the server and makes it the current one.
func kubeconfig(t *testing.T, config *rest.Config, namespace string) string {
	t.Helper()
	file := clientcmdapi.NewConfig()
	file.Clusters["test"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	file.AuthInfos["test"] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	file.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "test", Namespace: namespace}
	file.CurrentContext = "test"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*file, path); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", path)
	return path
}

func TestHelp(t *testing.T) {
	for _, command := range []string{"", "test", "test schedule", "test run", "test logs", "test status", "test list", "test wait", "test cancel", "test retry", "test delete", "test report", "version", "options"} {
		t.Run("kctrl "+command, func(t *testing.T) {
			args := strings.Fields(command)
			if command != "options" {
				args = append(args, "--help")
			}
			got := call(t.Context(), "", args...)
			if got.Code != ExitOK || got.Stderr != "" {
				t.Errorf("exit code %d, stderr %q", got.Code, got.Stderr)
			}
			golden(t, "help/"+strings.Join(append([]string{"kctrl"}, strings.Fields(command)...), "_"), got.Stdout)
		})
	}
}

// As a plugin of kubectl, the program calls itself what the user calls it.
func TestPluginName(t *testing.T) {
	for program, want := range map[string]string{
		"kctrl":                  "kctrl",
		"/opt/bin/kubectl-topas": "kubectl topas",
		"kubectl-topas.exe":      "kubectl topas",
		"/opt/bin/other-name":    "kctrl",
	} {
		if got := displayName(program); got != want {
			t.Errorf("displayName(%q) = %q, want %q", program, got, want)
		}
	}
	var out bytes.Buffer
	code := Run(t.Context(), Invocation{
		Program: "kubectl-topas", Args: []string{"test", "logs", "--help"},
		Streams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &out},
	})
	if code != ExitOK || !strings.Contains(out.String(), "kubectl topas test logs -f @latest") || strings.Contains(out.String(), "kctrl") {
		t.Errorf("exit code %d, help:\n%s", code, &out)
	}
}

func TestUsageErrors(t *testing.T) {
	for _, tc := range []struct {
		reason string
		args   string
		want   string
	}{
		{"an unknown command", "tset", `error: unknown command "tset" for "kctrl": did you mean test?`},
		{"an unknown subcommand", "test frobnicate", `error: unknown command "frobnicate" for "kctrl test"`},
		{"an unknown flag", "test status --wat", "error: unknown flag: --wat"},
		{"no source", "test schedule --app a", "error: give the test either by --script, or by --git and --git-path"},
		{"two sources", "test schedule --app a --script s.lua --git https://h/r --git-path p", "error: --script and --git can't be given together"},
		{"a Secret for git with a script", "test schedule --app a --script s.lua --git-secret s", "error: --script and --git can't be given together"},
		{"a git option with a script", "test schedule --app a --script s.lua --git-revision v1", "error: --script and --git can't be given together"},
		{"git without a path", "test schedule --app a --git https://h/r", "error: --git-path is missing"},
		{"a path without git", "test schedule --app a --git-path p", "error: --git is missing"},
		{"no App", "test schedule --script s.lua", "error: --app is missing"},
		{"an App that can't be", "test schedule --script s.lua --app My_App", `error: --app is "My_App", must be the name of an App`},
		{"a parameter without a value", "test schedule --script s.lua --app a --param USERS", `error: --param is "USERS", must be NAME=VALUE`},
		{"a parameter without a name", "test schedule --script s.lua --app a --param =1", `error: --param is "=1", must be NAME=VALUE`},
		{"a parameter given twice", "test schedule --script s.lua --app a --param U=1 --param U=2", `error: --param U is given twice`},
		{"a timeout without a unit", "test schedule --script s.lua --app a --timeout 90", `error: --timeout is "90", must be a duration from 1s to 24h`},
		{"a timeout that is too long", "test schedule --script s.lua --app a --timeout 25h", `error: --timeout is "25h"`},
		{"an unknown dry run", "test schedule --script s.lua --app a --dry-run=maybe", `error: --dry-run is "maybe", must be none, client or server`},
		{"an unknown output", "test schedule --script s.lua --app a -o xml", `error: --output is "xml", must be one of: json, yaml,`},
		{"a priority that is no number", "test schedule --script s.lua --app a --priority high", `error: --priority is "high", must be a number from -1000 to 1000`},
		{"a priority that is too high", "test run --script s.lua --app a --priority 1001", `error: --priority is "1001", must be a number from -1000 to 1000`},
		{"negative retries", "test schedule --script s.lua --app a --retries=-1", `error: --retries is "-1", must be a number from 0 to 10`},
		{"too many retries", "test schedule --script s.lua --app a --retries 11", `error: --retries is "11", must be a number from 0 to 10`},
		{"an unknown isolation", "test schedule --script s.lua --app a --isolation alone", `error: --isolation is "alone", must be shared, exclusive or ephemeral`},
		{"a ttl without a unit", "test schedule --script s.lua --app a --ttl 90", `error: --ttl is "90", must be a duration of whole seconds`},
		{"a ttl of half a second", "test schedule --script s.lua --app a --ttl 500ms", `error: --ttl is "500ms", must be a duration of whole seconds`},
		{"a negative ttl", "test schedule --script s.lua --app a --ttl=-1h", `error: --ttl is "-1h", must be`},
		{"a ttl of centuries", "test schedule --script s.lua --app a --ttl 1000000h", `error: --ttl is "1000000h", must be`},
		{"a Secret that can't be", "test schedule --script s.lua --app a --secret My_Secret", `error: --secret is "My_Secret", must be the name of a Secret`},
		{"a Secret given twice", "test schedule --script s.lua --app a --secret s --secret s", `error: --secret s is given twice`},
		{"too many Secrets", "test schedule --script s.lua --app a" + strings.Repeat(" --secret s", 33), `error: --secret is given 33 times, may be given 32 times`},
		{"a label without a value", "test schedule --script s.lua --app a --label team", `error: --label is "team", must be NAME=VALUE`},
		{"a label that can't be", "test schedule --script s.lua --app a --label team=a/b", `error: --label is "team=a/b", must be a label, such as team=shop: `},
		{"a label of TOPAS", "test schedule --script s.lua --app a --label topas.dev/app=b", `error: --label is "topas.dev/app=b", must not begin with topas.dev/`},
		{"waiting twice", "test schedule --script s.lua --app a --wait --follow", `error: --wait and --follow can't be given together`},
		{"waiting for a dry run", "test schedule --script s.lua --app a --wait --dry-run=server", `error: --wait and --follow can't be given together with --dry-run`},
		{"a run of no App", "test run --script s.lua", "error: --app is missing"},
		{"an unexpected argument", "test schedule s.lua --app a", `error: unexpected argument "s.lua"`},
		{"logs of nothing", "test logs", "error: the name of a run is missing"},
		{"logs of two", "test logs a b", "error: 2 names are given"},
		{"a tail that is no number", "test logs a --tail x", `error: invalid argument "x" for "--tail" flag`},
		{"a negative tail", "test logs a --tail=-2", "error: --tail is -2"},
		{"a negative since", "test logs a --since=-5s", "error: --since is -5s"},
		{"an attempt before the first", "test logs a --attempt 0", "error: --attempt is 0, must be the number of an attempt, from 1"},
		{"waiting for nothing", "test wait", "error: the name of a run is missing; @latest is the newest one"},
		{"waiting for no time", "test wait a --timeout 0s", "error: --timeout is 0s, must be positive"},
		{"an unknown output of wait", "test wait a -o xml", `error: --output is "xml", must be one of: json, yaml,`},
		{"canceling nothing", "test cancel", "error: the name of a run is missing"},
		{"deleting nothing", "test delete", "error: the name of a run is missing"},
		{"retrying two", "test retry a b", "error: 2 names are given, must be one"},
		{"a report to nowhere", "test report a", "error: name at least one file with --junit, --json or --html"},
		{"two reports in one file", "test report a --junit - --json -", `error: two formats are to be written to "-"`},
		{"a list of one", "test list a", `error: unexpected argument "a"`},
		{"status of two", "test status a b", "error: 2 names are given"},
		{"a name and a list", "test status a -A", "error: a name can't be given together with"},
		{"an unknown output of status", "test status -o xml", `error: --output is "xml", must be one of: wide, json, yaml,`},
		{"a wrong selector", "test status -l a=b=c", `error: --selector is "a=b=c"`},
		{"a wrong limit", "test status --limit=-1", "error: --limit is -1"},
		{"an unknown output of version", "version -o xml", `error: --output is "xml", must be json or yaml`},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			// Nothing may be sent: there is no cluster.
			t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
			got := call(t.Context(), "", strings.Fields(tc.args)...)
			if got.Code != ExitUsage || got.Stdout != "" {
				t.Errorf("exit code %d, stdout %q, want %d and nothing", got.Code, got.Stdout, ExitUsage)
			}
			if !strings.HasPrefix(got.Stderr, tc.want) || !strings.HasSuffix(got.Stderr, "--help'\n") {
				t.Errorf("stderr is %q, want %q and where to look", got.Stderr, tc.want)
			}
		})
	}
}
