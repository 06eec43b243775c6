//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/apps/gitserver/access"
)

const publicURL = "http://gitserver:8080/tests.git"

// gitContent are repositories with a script, a module beside it, and a submodule.
var gitContent = map[string]map[string]string{
	"lib": {"answer.lua": "return 42\n"},
	"tests": {
		"smoke_test.lua":  "print(require('greet')('git'))\nassert(require('lib.answer') == 42)\n",
		"broken_test.lua": "assert(require('lib.answer') == 43, 'no answer')\n",
		"greet.lua":       "return function(name) return 'hello from ' .. name end\n",
		".gitmodules":     "[submodule \"lib\"]\n\tpath = lib\n\turl = ../lib.git\n",
	},
}

// emptyApp makes an App without services, for tests that need none.
func emptyApp(t *testing.T, ns string) {
	t.Helper()
	app := &topasv1alpha1.App{}
	app.Namespace, app.Name = ns, "mock-app"
	create(t, app)
}

// gitRun returns a run of a script in a repository.
func gitRun(ns, name string, source topasv1alpha1.GitSource) *topasv1alpha1.TestRun {
	run := testRun(ns, name, "")
	run.Spec.Git = &source
	return run
}

// checkEnd waits for the end of the run and fails unless it is this one.
func checkEnd(t *testing.T, run *topasv1alpha1.TestRun, state topasv1alpha1.TestRunState, reason string, message ...string) {
	t.Helper()
	untilFinished(t, run)
	if run.Status.State != state || run.Status.Reason != reason {
		t.Errorf("it ended as %s, want %s/%s", describeRun(run), state, reason)
	}
	for _, want := range message {
		if !strings.Contains(run.Status.Message, want) {
			t.Errorf("the message does not contain %q: %s", want, run.Status.Message)
		}
	}
}

// Every kind of revision leads to its commit, with its submodules; what is not there is named.
func TestGitRevisions(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	emptyApp(t, ns)
	gitServer(t, ns, gitContent)
	commits := map[string]string{}
	for _, branch := range []string{"main", "next"} {
		run := gitRun(ns, branch, topasv1alpha1.GitSource{URL: publicURL, Revision: branch, Path: "smoke_test.lua"})
		create(t, run)
		checkEnd(t, run, topasv1alpha1.TestRunPassed, topasv1alpha1.ReasonPassed)
		if commits[branch] = run.Status.GitCommit; len(commits[branch]) != 40 {
			t.Fatalf("gitCommit of branch %s is %q, want a full SHA", branch, commits[branch])
		}
	}
	if commits["main"] == commits["next"] {
		t.Errorf("both branches are commit %s", commits["main"])
	}

	for _, tc := range []struct {
		name, reason string
		git          topasv1alpha1.GitSource
		wantCommit   string
		wantState    topasv1alpha1.TestRunState
		wantReason   string
		wantMessage  []string
	}{
		{
			name: "default-branch", reason: "without a revision the default branch is taken", wantCommit: commits["main"],
			git:       topasv1alpha1.GitSource{URL: publicURL, Path: "smoke_test.lua"},
			wantState: topasv1alpha1.TestRunPassed, wantReason: topasv1alpha1.ReasonPassed,
		},
		{
			name: "tag", reason: "a tag is resolved to its commit", wantCommit: commits["main"],
			git:       topasv1alpha1.GitSource{URL: publicURL, Revision: "v1.0.0", Path: "smoke_test.lua"},
			wantState: topasv1alpha1.TestRunPassed, wantReason: topasv1alpha1.ReasonPassed,
		},
		{
			name: "full-sha", reason: "a commit is taken by its SHA", wantCommit: commits["main"],
			git:       topasv1alpha1.GitSource{URL: publicURL, Revision: commits["main"], Path: "smoke_test.lua"},
			wantState: topasv1alpha1.TestRunPassed, wantReason: topasv1alpha1.ReasonPassed,
		},
		{
			name: "short-sha", reason: "a commit is taken by the beginning of its SHA", wantCommit: commits["next"],
			git:       topasv1alpha1.GitSource{URL: publicURL, Revision: commits["next"][:9], Path: "smoke_test.lua"},
			wantState: topasv1alpha1.TestRunPassed, wantReason: topasv1alpha1.ReasonPassed,
		},
		{
			name: "fails", reason: "the commit is known of a test that fails as well", wantCommit: commits["main"],
			git:       topasv1alpha1.GitSource{URL: publicURL, Path: "broken_test.lua"},
			wantState: topasv1alpha1.TestRunFailed, wantReason: topasv1alpha1.ReasonAssertionFailed,
			wantMessage: []string{"broken_test.lua:1: no answer"},
		},
		{
			name: "no-revision", reason: "a revision that is not there is named",
			git:       topasv1alpha1.GitSource{URL: publicURL, Revision: "v9.9.9", Path: "smoke_test.lua"},
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonGitCloneFailed,
			wantMessage: []string{"v9.9.9", publicURL},
		},
		{
			name: "no-path", reason: "a path that is not there is named, with those that are",
			git:       topasv1alpha1.GitSource{URL: publicURL, Revision: "main", Path: "smoke/other_test.lua"},
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonScriptNotFound,
			wantMessage: []string{"smoke/other_test.lua", "greet.lua"},
		},
		{
			name: "no-repository", reason: "a repository that is not there is named",
			git:       topasv1alpha1.GitSource{URL: "http://gitserver:8080/other.git", Path: "smoke_test.lua"},
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonGitCloneFailed,
			wantMessage: []string{"http://gitserver:8080/other.git"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			run := gitRun(ns, tc.name, tc.git)
			create(t, run)
			checkEnd(t, run, tc.wantState, tc.wantReason, tc.wantMessage...)
			if run.Status.GitCommit != tc.wantCommit {
				t.Errorf("%s: gitCommit is %q, want %q", tc.reason, run.Status.GitCommit, tc.wantCommit)
			}
		})
	}
}

// Private repositories are cloned with what their servers ask for, and with nothing else; the submodule as well.
func TestGitAccess(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	emptyApp(t, ns)
	keys := gitServer(t, ns, gitContent)
	otherKey, other := gitKey(t)
	const basic, bearer, overSSH = "https://gitserver:8443/private/tests.git", "https://gitserver:8443/bearer/tests.git", "ssh://git@gitserver:2222/tests.git"

	for _, tc := range []struct {
		name, reason string
		url          string
		// secret has the name of the case; nil for a run that names none, empty for a Secret that is not there.
		secret      map[string]string
		wantMessage []string
	}{
		{
			name: "basic", reason: "a password, and a CA of one's own", url: basic,
			secret: map[string]string{"username": gitUser, "password": gitPassword, "ca.crt": keys.ca},
		},
		{
			name: "bearer", reason: "a token, and a CA of one's own", url: bearer,
			secret: map[string]string{"bearerToken": gitToken, "ca.crt": keys.ca},
		},
		{
			name: "ssh", reason: "a key, and the server's", url: overSSH,
			secret: map[string]string{"ssh-privatekey": keys.userKey, "known_hosts": keys.knownHosts},
		},
		{
			name: "wrong-password", reason: "a password that the server refuses", url: basic,
			secret:      map[string]string{"username": gitUser, "password": "wr0ng-pass", "ca.crt": keys.ca},
			wantMessage: []string{basic, "user or password is wrong"},
		},
		{
			name: "wrong-token", reason: "a token that the server refuses", url: bearer,
			secret:      map[string]string{"bearerToken": "wr0ng-token", "ca.crt": keys.ca},
			wantMessage: []string{bearer, "the token is wrong"},
		},
		{
			name: "wrong-host-key", reason: "a server that is not the one in known_hosts", url: overSSH,
			secret:      map[string]string{"ssh-privatekey": keys.userKey, "known_hosts": access.KnownHost("gitserver:2222", other)},
			wantMessage: []string{"host key", `not the one in known_hosts of Secret "wrong-host-key"`},
		},
		{
			name: "wrong-user-key", reason: "a key that the server does not know", url: overSSH,
			secret:      map[string]string{"ssh-privatekey": otherKey, "known_hosts": keys.knownHosts},
			wantMessage: []string{`does not know the key in ssh-privatekey of Secret "wrong-user-key"`},
		},
		{
			name: "no-ca", reason: "a certificate of an unknown CA", url: basic,
			secret:      map[string]string{"username": gitUser, "password": gitPassword},
			wantMessage: []string{"unknown authority", "ca.crt"},
		},
		{
			name: "no-password", reason: "half of a login", url: basic,
			secret:      map[string]string{"username": gitUser, "ca.crt": keys.ca},
			wantMessage: []string{"username and password belong together"},
		},
		{
			name: "no-secret", reason: "a Secret that is not there", url: basic, secret: map[string]string{},
			wantMessage: []string{`Secret "no-secret" is not there`, "username and password"},
		},
		{
			name: "no-login", reason: "a private repository without any", url: "http://gitserver:8080/private/tests.git",
			wantMessage: []string{"needs a user and a password, or a token"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			source := topasv1alpha1.GitSource{URL: tc.url, Path: "smoke_test.lua"}
			if tc.secret != nil {
				source.SecretRef = &topasv1alpha1.SecretReference{Name: tc.name}
			}
			if len(tc.secret) > 0 {
				create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: tc.name}, StringData: tc.secret})
			}
			run := gitRun(ns, tc.name, source)
			create(t, run)
			if tc.wantMessage == nil {
				checkEnd(t, run, topasv1alpha1.TestRunPassed, topasv1alpha1.ReasonPassed)
			} else {
				checkEnd(t, run, topasv1alpha1.TestRunError, topasv1alpha1.ReasonGitAuthFailed, tc.wantMessage...)
			}
			log, _, _ := kctrl(t, "test", "logs", "-n", ns, tc.name)
			for _, value := range []string{gitPassword, gitToken, "wr0ng", "PRIVATE KEY"} {
				if strings.Contains(log+run.Status.Message, value) {
					t.Errorf("%s: the log or the message holds %q: %s\n%s", tc.reason, value, run.Status.Message, log)
				}
			}
		})
	}
}
