/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/servers/kube"
)

// workFolder is a current folder with a script and a collection.
func workFolder(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"Upgrade_Test.lua": "print('hello')\n",
		"tests/api.json":   `{"info": "<&>"}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

func TestSchedule(t *testing.T) {
	server := kube.Start(t)
	workFolder(t)
	namespace := server.NewNamespace(t)
	kubeconfig(t, server.Config, namespace)

	got := call(t.Context(), "", "test", "schedule", "--script", "Upgrade_Test.lua", "--include", "tests", "--app", "my-app", "--timeout", "90s", "--param", "USERS=10", "--param", "QUERY=a=b", "--name", "first")
	want := result{Stdout: "testrun.topas.dev/first created\n", Stderr: "Follow it with: kctrl test logs -f first\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("schedule (-want +got):\n%s", diff)
	}
	var run v1alpha1.TestRun
	if err := server.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "first"}, &run); err != nil {
		t.Fatal(err)
	}
	wantSpec := v1alpha1.TestRunSpec{AppName: "my-app", Script: "print('hello')\n", Files: map[string]string{"tests/api.json": `{"info": "<&>"}`},
		Params: map[string]string{"USERS": "10", "QUERY": "a=b"}, Timeout: "90s", Isolation: v1alpha1.IsolationShared}
	if diff := cmp.Diff(wantSpec, run.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{v1alpha1.AnnotationScriptName: "Upgrade_Test.lua"}, run.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{v1alpha1.LabelApp: "my-app"}, run.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}

	again := call(t.Context(), "", "test", "schedule", "--script", "Upgrade_Test.lua", "--app", "my-app", "--name", "first")
	if want := (result{Stderr: "error: \"first\" exists already: choose another --name, or leave it out for a new one\n", Code: ExitError}); again != want {
		t.Errorf("a name that is taken: %+v, want %+v", again, want)
	}
}

func TestScheduleWithEveryFlag(t *testing.T) {
	server := kube.Start(t)
	workFolder(t)
	namespace := server.NewNamespace(t)
	kubeconfig(t, server.Config, namespace)
	got := call(t.Context(), "", "test", "schedule", "--script", "Upgrade_Test.lua", "--app", "my-app", "--name", "all", "--priority=-5",
		"--isolation", "EPHEMERAL", "--retries", "2", "--secret", "login", "--secret", "shop.tls", "--ttl", "1h30m", "--label", "team=shop", "--label", "example.com/empty=")
	if got.Code != ExitOK {
		t.Fatalf("schedule: %+v", got)
	}
	var run v1alpha1.TestRun
	if err := server.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "all"}, &run); err != nil {
		t.Fatal(err)
	}
	ttl := int32(5400)
	want := v1alpha1.TestRunSpec{
		AppName: "my-app", Script: "print('hello')\n", Timeout: "10m", Priority: -5, Isolation: v1alpha1.IsolationEphemeral, Retries: 2,
		Secrets: []string{"login", "shop.tls"}, TTLSecondsAfterFinished: &ttl,
	}
	if diff := cmp.Diff(want, run.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{v1alpha1.LabelApp: "my-app", "team": "shop", "example.com/empty": ""}, run.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

func TestScheduleNamesTheRun(t *testing.T) {
	server := kube.Start(t)
	workFolder(t)
	other := server.NewNamespace(t)
	kubeconfig(t, server.Config, server.NewNamespace(t))

	got := call(t.Context(), "", "test", "schedule", "--script", "Upgrade_Test.lua", "--app", "my-app", "-n", other)
	name := regexp.MustCompile(`^testrun\.topas\.dev/(upgrade-test-[a-z0-9]{5}) created\n$`).FindStringSubmatch(got.Stdout)
	if name == nil {
		t.Fatalf("schedule: %+v", got)
	}
	if want := "Follow it with: kctrl test logs -f " + name[1] + " -n " + other + "\n"; got.Stderr != want {
		t.Errorf("stderr is %q, want %q", got.Stderr, want)
	}

	got = call(t.Context(), "print(1)", "test", "schedule", "--script", "-", "--app", "my-app", "-o", "name")
	if !regexp.MustCompile(`^testrun\.topas\.dev/script-[a-z0-9]{5}\n$`).MatchString(got.Stdout) || got.Stderr != "" {
		t.Errorf("schedule from standard input: %+v", got)
	}
}

func TestScheduleFromGit(t *testing.T) {
	server := kube.Start(t)
	workFolder(t)
	kubeconfig(t, server.Config, server.NewNamespace(t))
	got := call(t.Context(), "", "test", "schedule", "--git", "https://git.example.com/shop.git", "--git-path", "tests/smoke.lua", "--git-revision", "v1",
		"--git-secret", "git-login", "--app", "my-app", "-o", "json")
	if got.Code != ExitOK || got.Stderr != "" {
		t.Fatalf("schedule: %+v", got)
	}
	var run v1alpha1.TestRun
	if err := yaml.UnmarshalStrict([]byte(got.Stdout), &run); err != nil {
		t.Fatalf("stdout is no TestRun: %v\n%s", err, got.Stdout)
	}
	wantSpec := v1alpha1.TestRunSpec{
		AppName: "my-app", Timeout: "10m", Isolation: v1alpha1.IsolationShared,
		Git: &v1alpha1.GitSource{URL: "https://git.example.com/shop.git", Path: "tests/smoke.lua", Revision: "v1",
			SecretRef: &v1alpha1.SecretReference{Name: "git-login"}},
	}
	if diff := cmp.Diff(wantSpec, run.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(run.Name, "smoke-") || len(run.Annotations) != 0 {
		t.Errorf("metadata is %+v", run.ObjectMeta)
	}
}

func TestScheduleDryRun(t *testing.T) {
	server := kube.Start(t)
	workFolder(t)
	namespace := server.NewNamespace(t)
	kubeconfig(t, server.Config, namespace)

	got := call(t.Context(), "", "test", "schedule", "--script", "Upgrade_Test.lua", "--app", "my-app", "--name", "dry", "--dry-run=server")
	if want := (result{Stdout: "testrun.topas.dev/dry created (server dry run)\n"}); got != want {
		t.Errorf("server dry run: %+v, want %+v", got, want)
	}
	refused := call(t.Context(), "", "test", "schedule", "--script", "Upgrade_Test.lua", "--app", "my-app", "--name", "Not.Allowed", "--dry-run=server")
	if refused.Code != ExitError {
		t.Errorf("server dry run of a wrong name: %+v", refused)
	}

	// What the client shows can be applied.
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	got = call(t.Context(), "", "test", "schedule", "--script", "Upgrade_Test.lua", "--app", "my-app", "-n", namespace, "--dry-run=client", "-o", "yaml")
	var run v1alpha1.TestRun
	if err := yaml.UnmarshalStrict([]byte(got.Stdout), &run); err != nil {
		t.Fatalf("stdout is no TestRun: %v\n%+v", err, got)
	}
	if gvk := run.GroupVersionKind(); gvk != (schema.GroupVersionKind{Group: "topas.dev", Version: "v1alpha1", Kind: "TestRun"}) {
		t.Errorf("kind is %s", gvk)
	}
	if err := server.Client.Create(t.Context(), &run); err != nil {
		t.Errorf("the output of the client's dry run is refused: %v", err)
	}
	var runs v1alpha1.TestRunList
	if err := server.Client.List(t.Context(), &runs, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	if len(runs.Items) != 1 || runs.Items[0].Name != run.Name {
		t.Errorf("the dry runs left %d runs", len(runs.Items))
	}
}

// What the API server refuses is shown by field, without the script in between.
func TestScheduleShowsWhatTheClusterRefuses(t *testing.T) {
	server := kube.Start(t)
	workFolder(t)
	kubeconfig(t, server.Config, server.NewNamespace(t))
	for _, tc := range []struct {
		reason string
		args   []string
		want   string
	}{
		{
			"a name with dots and capitals",
			[]string{"--script", "Upgrade_Test.lua", "--app", "my-app", "--name", "v1.2"},
			"error: the cluster refuses the TestRun:\n  the name of a TestRun must be a DNS label: lower case letters, digits and '-', at most 58 characters\n",
		},
		{
			"a path that leaves the repository",
			[]string{"--git", "https://h/r.git", "--git-path", "../a.lua", "--app", "my-app"},
			"error: the cluster refuses the TestRun:\n  spec.git.path: path must stay inside the repository: write it relative to the root and without '..', such as tests/upgrade_test.lua\n",
		},
		{
			"a local repository",
			[]string{"--git", "file:///r.git", "--git-path", "a.lua", "--app", "my-app"},
			"error: the cluster refuses the TestRun:\n  spec.git.url: url must begin with https://, http:// or ssh://, or have the form user@host:path\n",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got := call(t.Context(), "", append([]string{"test", "schedule"}, tc.args...)...)
			if want := (result{Stderr: tc.want, Code: ExitError}); got != want {
				t.Errorf("schedule (-want +got):\n%s", cmp.Diff(want, got))
			}
		})
	}
}

func TestScheduleReadsBeforeItSends(t *testing.T) {
	workFolder(t)
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	for _, tc := range []struct{ reason, stdin, args, want string }{
		{"a missing script", "", "--script nope.lua", "error: script nope.lua does not exist\n"},
		{"a missing file", "", "--script Upgrade_Test.lua --include nope", "error: included file nope does not exist\n"},
		{"an empty standard input", "", "--script -", "error: standard input is empty: a script was expected\n"},
	} {
		got := call(t.Context(), tc.stdin, strings.Fields("test schedule --app my-app "+tc.args)...)
		if want := (result{Stderr: tc.want, Code: ExitError}); got != want {
			t.Errorf("%s: %+v, want %+v", tc.reason, got, want)
		}
	}
}

func TestGenerateName(t *testing.T) {
	for path, want := range map[string]string{
		"upgrade_test.lua":              "upgrade-test-",
		"tests/a/Smoke Test (2).LUA":    "smoke-test-2-",
		"":                              "script-",
		"ä.lua":                         "script-",
		strings.Repeat("x", 80):         strings.Repeat("x", 52) + "-",
		strings.Repeat("x", 51) + "_yy": strings.Repeat("x", 51) + "-",
	} {
		got := generateName(path)
		if got != want {
			t.Errorf("generateName(%q) = %q, want %q", path, got, want)
		}
		if len(got)+suffixLength > maxRunName {
			t.Errorf("generateName(%q) leaves no room for its ending", path)
		}
	}
}
