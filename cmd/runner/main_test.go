/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/test/servers/kube"
)

// asRunner makes the test binary the runner itself, so that tests see the whole process: its signals and exit code.
const asRunner = "TEST_AS_RUNNER"

func TestMain(m *testing.M) {
	if os.Getenv(asRunner) != "" {
		main()
		return
	}
	os.Exit(kube.Run(m))
}

// process is one of the runner that was not started yet.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	log  string
	errs bytes.Buffer
}

func newRunner(t *testing.T, env map[string]string, args ...string) *process {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r := &process{t: t, log: filepath.Join(t.TempDir(), "termination-log")}
	r.cmd = exec.CommandContext(t.Context(), binary, append(args, "--termination-log", r.log)...)
	r.cmd.Env = []string{asRunner + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	for name, value := range env {
		r.cmd.Env = append(r.cmd.Env, name+"="+value)
	}
	r.cmd.Stderr = &r.errs
	return r
}

// result returns the exit code and the termination message.
func (r *process) result(err error) (int, contract.Result) {
	r.t.Helper()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() < 0) {
		r.t.Fatalf("the runner did not exit by itself: %v\n%s", err, r.errs.String())
	}
	data, err := os.ReadFile(r.log)
	if err != nil {
		r.t.Fatalf("no result: %v\n%s", err, r.errs.String())
	}
	result, err := contract.DecodeResult(data)
	if err != nil {
		r.t.Fatal(err)
	}
	return r.cmd.ProcessState.ExitCode(), result
}

// cluster makes an App and returns the environment that a Pod of a run has.
func cluster(t *testing.T) map[string]string {
	t.Helper()
	server := kube.Start(t)
	namespace := server.NewNamespace(t)
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: namespace}}
	if err := server.Client.Create(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	config := api.NewConfig()
	config.Clusters["test"] = &api.Cluster{Server: server.Config.Host, CertificateAuthorityData: server.Config.CAData}
	config.AuthInfos["test"] = &api.AuthInfo{ClientCertificateData: server.Config.CertData, ClientKeyData: server.Config.KeyData}
	config.Contexts["test"] = &api.Context{Cluster: "test", AuthInfo: "test"}
	config.CurrentContext = "test"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"KUBECONFIG": path, contract.EnvNamespace: namespace, contract.EnvApp: "shop",
		contract.EnvTimeout: "1m", contract.EnvScript: "test.lua",
	}
}

func with(env map[string]string, name, value string) map[string]string {
	changed := map[string]string{}
	for n, v := range env {
		changed[n] = v
	}
	changed[name] = value
	return changed
}

func scriptDir(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "test.lua"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRunLeavesItsVerdict(t *testing.T) {
	env := cluster(t)
	for _, tc := range []struct {
		reason string
		env    map[string]string
		script string
		code   int
		want   contract.Result
		log    string
	}{
		{
			reason: "a script that passes", env: env, script: `print("hello", require("sut") ~= nil)`, code: 0,
			want: contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed}, log: "hello\ttrue\nPASSED in ",
		},
		{
			reason: "an assertion", env: env, script: "\nassert(1 == 2, 'numbers differ')", code: 1,
			want: contract.Result{Verdict: contract.Failed, Reason: contract.ReasonAssertionFailed, Message: "test.lua:2: numbers differ"},
			log:  "FAILED test.lua:2: numbers differ\n  [Go]: in function assert\n  test.lua:2: in main chunk\n",
		},
		{
			reason: "an App that is not there", env: with(env, contract.EnvApp, "other"), script: "", code: 2,
			want: contract.Result{
				Verdict: contract.Error, Reason: contract.ReasonAppNotFound,
				Message: `app "other" not found in namespace "` + env[contract.EnvNamespace] + `"`,
			},
			log: `ERROR app "other" not found in namespace `,
		},
		{
			reason: "a variable that is missing", env: with(env, contract.EnvApp, ""), script: "", code: 2,
			want: contract.Result{
				Verdict: contract.Error, Reason: contract.ReasonRunnerCrashed,
				Message: "the App under test is missing: set the environment variable TOPAS_APP or the flag --app",
			},
		},
		{
			reason: "a variable that is wrong", env: with(env, contract.EnvTimeout, "soon"), script: "", code: 2,
			want: contract.Result{
				Verdict: contract.Error, Reason: contract.ReasonRunnerCrashed,
				Message: `TOPAS_TIMEOUT is "soon", must be a duration such as 90s or 10m`,
			},
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			r := newRunner(t, with(tc.env, contract.EnvRoots, scriptDir(t, tc.script)), "run")
			out, err := r.cmd.Output()
			code, result := r.result(err)
			if code != tc.code {
				t.Errorf("exit code is %d, want %d", code, tc.code)
			}
			if diff := cmp.Diff(tc.want, result, cmpopts.IgnoreFields(contract.Result{}, "Duration")); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(string(out), tc.log) {
				t.Errorf("log is\n%s\nwant\n%s", out, tc.log)
			}
		})
	}
}

// The process as the Pod starts it: with Secrets, and with a TestRun that shows its cases.
func TestRunWithSecretsAndCases(t *testing.T) {
	env := cluster(t)
	run := &v1alpha1.TestRun{ObjectMeta: metav1.ObjectMeta{Name: "nightly", Namespace: env[contract.EnvNamespace]}}
	run.Spec = v1alpha1.TestRunSpec{AppName: "shop", Script: "print(1)"}
	server := kube.Start(t)
	if err := server.Client.Create(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	run.Status.State = v1alpha1.TestRunRunning
	if err := server.Client.Status().Update(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	secrets := t.TempDir()
	if err := os.Mkdir(filepath.Join(secrets, "login"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(secrets, "login", "password"), []byte("p4ssword"), 0o600); err != nil {
		t.Fatal(err)
	}
	env[contract.EnvRun], env[contract.EnvRunUID], env[contract.EnvSecrets] = run.Name, string(run.UID), "login"
	env[contract.EnvRoots] = scriptDir(t, `
local test = require("test")
test.case("logs in", function() print("with " .. test.secret("login/password")) end)`)
	r := newRunner(t, env, "run", "--secrets-dir", secrets)
	out, err := r.cmd.Output()
	code, result := r.result(err)
	want := contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed, Cases: &contract.Cases{Total: 1, Passed: 1}}
	if diff := cmp.Diff(want, result, cmpopts.IgnoreFields(contract.Result{}, "Duration")); diff != "" || code != 0 {
		t.Errorf("exit code %d, result (-want +got):\n%s", code, diff)
	}
	if !strings.HasPrefix(string(out), "with ***\nPASS logs in (") || r.errs.Len() > 0 {
		t.Errorf("log is\n%s%s", out, r.errs.String())
	}
	if err := server.Client.Get(t.Context(), client.ObjectKeyFromObject(run), run); err != nil {
		t.Fatal(err)
	}
	if results := run.Status.CaseResults; len(results) != 1 || results[0].Name != "logs in" || results[0].State != v1alpha1.CasePassed {
		t.Errorf("the status shows the cases %+v", results)
	}
}

func TestRunStopsWithSIGTERM(t *testing.T) {
	r := newRunner(t, with(cluster(t), contract.EnvRoots, scriptDir(t, `
require("test").defer(print, "cleaned up")
print("started")
while true do pcall(error) end`)), "run")
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() || lines.Text() != "started" {
		t.Errorf("first line is %q, want the script's own, while it runs\n%s", lines.Text(), r.errs.String())
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	cleaned := false
	for lines.Scan() {
		cleaned = cleaned || lines.Text() == "cleaned up"
	}
	code, result := r.result(r.cmd.Wait())
	if !cleaned {
		t.Error("what was deferred was not called")
	}
	if code != contract.ExitError || result.Verdict != contract.Error || result.Reason != contract.ReasonTerminated {
		t.Errorf("exit code is %d and the result %+v, want %s", code, result, contract.ReasonTerminated)
	}
}

func TestFetchLeavesTheCommit(t *testing.T) {
	url, commit := repository(t, 0)
	dir := filepath.Join(t.TempDir(), "source")
	env := map[string]string{contract.EnvGitURL: url, contract.EnvGitPath: "tests/test.lua", contract.EnvGitRevision: "main"}
	r := newRunner(t, env, "fetch", "--dir", dir)
	out, err := r.cmd.Output()
	code, result := r.result(err)
	if want := (contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed, GitCommit: commit}); code != 0 || result != want {
		t.Errorf("exit code is %d and the result %+v, want %+v\n%s", code, result, want, r.errs.String())
	}
	if want := "Fetched commit " + commit + " of " + url + "\n"; string(out) != want {
		t.Errorf("log is %q, want %q", out, want)
	}
	if _, err := os.Stat(filepath.Join(dir, "tests", "test.lua")); err != nil {
		t.Error(err)
	}
}

func TestFetchLeavesWhatIsWrong(t *testing.T) {
	url, commit := repository(t, 0)
	for _, tc := range []struct {
		reason string
		env    map[string]string
		want   contract.Result
	}{
		{
			"a revision that is not there",
			map[string]string{contract.EnvGitURL: url, contract.EnvGitPath: "tests/test.lua", contract.EnvGitRevision: "v9"},
			contract.Result{
				Verdict: contract.Error, Reason: contract.ReasonGitCloneFailed,
				Message: url + `: revision "v9" not found: it is no branch, tag or commit of the repository; there are main`,
			},
		},
		{
			"a path that leads out of the repository",
			map[string]string{contract.EnvGitURL: url, contract.EnvGitPath: "../test.lua"},
			contract.Result{
				Verdict: contract.Error, Reason: contract.ReasonScriptNotFound,
				Message: `path "../test.lua" must stay inside the repository: write it relative to the root and without '..', such as tests/upgrade_test.lua`,
			},
		},
		{
			"a path that is not there",
			map[string]string{contract.EnvGitURL: url, contract.EnvGitPath: "test.lua", contract.EnvGitRevision: "main"},
			contract.Result{
				Verdict: contract.Error, Reason: contract.ReasonScriptNotFound,
				Message: url + `: path "test.lua" not found in commit ` + commit + "; the .lua files in it are tests/test.lua",
			},
		},
		{
			"a Secret that is not there",
			map[string]string{contract.EnvGitURL: url, contract.EnvGitPath: "tests/test.lua", contract.EnvGitSecret: "git-login"},
			contract.Result{
				Verdict: contract.Error, Reason: contract.ReasonGitAuthFailed,
				Message: `Secret "git-login" is not there, or is empty: make it in the namespace of the TestRun with the keys ` +
					"username and password, or bearerToken, or ssh-privatekey and known_hosts",
			},
		},
		{
			"no URL", map[string]string{contract.EnvGitPath: "tests/test.lua"},
			contract.Result{
				Verdict: contract.Error, Reason: contract.ReasonRunnerCrashed,
				Message: "the URL of the git repository is missing: set the environment variable TOPAS_GIT_URL or the flag --url",
			},
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			r := newRunner(t, tc.env, "fetch", "--dir", t.TempDir(), "--credentials", t.TempDir())
			_, err := r.cmd.Output()
			if code, result := r.result(err); code != contract.ExitError || result != tc.want {
				t.Errorf("exit code is %d and the result\n\t%+v\nwant\n\t%+v", code, result, tc.want)
			}
		})
	}
}

// TestFetchNeedsLittleMemory holds a repository of many files against the 256 MiB that the container may use.
func TestFetchNeedsLittleMemory(t *testing.T) {
	url, _ := repository(t, 10_000)
	env := map[string]string{contract.EnvGitURL: url, contract.EnvGitPath: "tests/test.lua"}
	dir := filepath.Join(t.TempDir(), "source")
	r := newRunner(t, env, "fetch", "--dir", dir)
	_, err := r.cmd.Output()
	if code, result := r.result(err); code != 0 {
		t.Fatalf("exit code is %d and the result %+v\n%s", code, result, r.errs.String())
	}
	if files, err := filepath.Glob(filepath.Join(dir, "tests", "*", "*.lua")); err != nil || len(files) != 10_000 {
		t.Errorf("checked out %d files (%v), want 10000", len(files), err)
	}
	usage, ok := r.cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("the system does not tell how much memory a process needed")
	}
	t.Logf("%d MiB", usage.Maxrss>>10)
	if usage.Maxrss > 200<<10 {
		t.Errorf("needed %d MiB, want at most 200", usage.Maxrss>>10)
	}
}

// repository serves a git repository with one commit, with as many files below the script, by git's own HTTP backend.
func repository(t *testing.T, files int) (url, commit string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "app", "tests"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "app", "tests", "test.lua"), []byte("print('hello')"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range files {
		file := filepath.Join(dir, "app", "tests", strconv.Itoa(i/100), fmt.Sprintf("%d.lua", i))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, fmt.Appendf(nil, "return %d", i), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git := func(args ...string) string {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = filepath.Join(dir, "app")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "-q", "--initial-branch=main", ".")
	git("add", "-A")
	git("-c", "user.name=Test", "-c", "user.email=test@example.com", "commit", "-q", "-m", "first")
	srv := httptest.NewServer(&cgi.Handler{
		Path: filepath.Join(git("--exec-path"), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1"},
	})
	t.Cleanup(srv.Close)
	return srv.URL + "/app", git("rev-parse", "HEAD")
}
