/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

func TestAPIServerRefusesBadTestRuns(t *testing.T) {
	c := newCluster(t)
	git := func(change func(*v1alpha1.GitSource)) func(*v1alpha1.TestRun) {
		return func(r *v1alpha1.TestRun) { withGit(r); change(r.Spec.Git) }
	}
	timeout := func(value string) func(*v1alpha1.TestRun) {
		return func(r *v1alpha1.TestRun) { r.Spec.Timeout = value }
	}
	template := func(change func(*v1alpha1.PodTemplate)) func(*v1alpha1.TestRun) {
		return func(r *v1alpha1.TestRun) {
			r.Spec.PodTemplate = &v1alpha1.PodTemplate{}
			change(r.Spec.PodTemplate)
		}
	}
	secrets := func(names ...string) func(*v1alpha1.TestRun) {
		return func(r *v1alpha1.TestRun) { r.Spec.Secrets = names }
	}
	file := func(name string) func(*v1alpha1.TestRun) {
		return func(r *v1alpha1.TestRun) { r.Spec.Files = map[string]string{name: "content"} }
	}
	const (
		badNumber  = "priority must be a number from -1000 to 1000: runs of a higher priority go first, 0 is the default"
		badTimeout = "timeout must be a duration from 1s to 24h, such as 90s or 10m"
		badFile    = "the name of a file must be a relative path such as tests/api-tests.json"
		badURL     = "url must begin with https://, http:// or ssh://, or have the form user@host:path"
		badLogin   = "url must not hold a user name, password or token: put them into a Secret"
		badPath    = "path must stay inside the repository: write it relative to the root and without '..'"
		badSource  = "give the test either inline in script or by git (url, path, revision): exactly one of them"
		badName    = "the name of a TestRun must be a DNS label: lower case letters, digits and '-', at most 58 characters"
	)
	for _, tc := range []struct {
		reason string
		change func(*v1alpha1.TestRun)
		// want is in the error; without it the run is accepted.
		want string
	}{
		{"an inline script", func(*v1alpha1.TestRun) {}, ""},
		{"a git source", withGit, ""},
		{"script and git", func(r *v1alpha1.TestRun) { withGit(r); r.Spec.Script = "print(1)" }, badSource},
		{"neither script nor git", func(r *v1alpha1.TestRun) { r.Spec.Script = "" }, badSource},
		{"no App", func(r *v1alpha1.TestRun) { r.Spec.AppName = "" }, "spec.appName"},
		{"an App's name that is too long", func(r *v1alpha1.TestRun) { r.Spec.AppName = strings.Repeat("a", 64) }, "spec.appName"},
		{"a script of more than 256 KiB", func(r *v1alpha1.TestRun) { r.Spec.Script = strings.Repeat("x", 262145) }, "spec.script"},

		{"the shortest timeout", timeout("1s"), ""},
		{"the longest timeout", timeout("24h"), ""},
		{"a timeout of several units", timeout("1h30m"), ""},
		{"a fraction", timeout("1.5m"), ""},
		{"too short a timeout", timeout("999ms"), badTimeout},
		{"too long a timeout", timeout("24h1s"), badTimeout},
		{"a timeout without a unit", timeout("90"), badTimeout},
		{"a negative timeout", timeout("-5s"), badTimeout},
		{"words for a timeout", timeout("ten minutes"), badTimeout},

		{"the lowest priority", priority(-1000), ""},
		{"the highest priority", priority(1000), ""},
		{"too low a priority", priority(-1001), badNumber},
		{"too high a priority", priority(1001), badNumber},

		{"as many retries as can be", retries(10), ""},
		{"more retries", retries(11), "retries must be a number from 0 to 10"},
		{"less than no retries", retries(-1), "retries must be a number from 0 to 10"},
		{"an App for itself", exclusive, ""},
		{"a copy of the App", ephemeral, ""},
		{"an isolation that there is not", func(r *v1alpha1.TestRun) { r.Spec.Isolation = "Private" },
			`spec.isolation: Unsupported value: "Private": supported values: "Shared", "Exclusive", "Ephemeral"`},
		{"Secrets", secrets("payments", "mail.login"), ""},
		{"a Secret with the key beside it", secrets("payments/token"), "secrets are the names of Secrets: lower case letters, digits, '-' and '.'"},
		{"a Secret outside", secrets(".."), "secrets are the names of Secrets"},
		{"a Secret twice", secrets("payments", "payments"), "spec.secrets[1]: Duplicate value"},
		{"more Secrets than anybody needs", secrets(strings.Split(strings.Repeat("a b c ", 11), " ")...), "spec.secrets: Too many: 34: must have at most 32 items"},

		{"a Pod of one's own wishes", template(func(p *v1alpha1.PodTemplate) { p.Labels = map[string]string{"team": "qa"} }), ""},
		{"a label of TOPAS", template(func(p *v1alpha1.PodTemplate) { p.Labels = map[string]string{"topas.dev/app": "x"} }),
			"labels that begin with topas.dev/ or app.kubernetes.io/ are given by TOPAS: use a prefix of your own"},
		{"a variable of TOPAS", template(func(p *v1alpha1.PodTemplate) { p.Env = []corev1.EnvVar{{Name: "TOPAS_APP", Value: "x"}} }),
			"variables that begin with TOPAS_ are given by TOPAS: use another name"},

		{"parameters", func(r *v1alpha1.TestRun) { r.Spec.Params = map[string]string{"BASE_URL": "", "a.b-c": "1"} }, ""},
		{"a parameter with a space", func(r *v1alpha1.TestRun) { r.Spec.Params = map[string]string{"BASE URL": "x"} },
			"the name of a parameter must be letters, digits, '_', '-' and '.', must not begin with a digit, and have at most 256 characters, such as BASE_URL"},

		{"a file in a folder", file("tests/api-tests.json"), ""},
		{"a file with spaces", file("my tests/a b.json"), ""},
		{"a file outside", file("../etc/passwd"), badFile},
		{"an absolute file", file("/etc/passwd"), badFile},
		{"a hidden file", file("tests/.netrc"), badFile},
		{"an empty folder name", file("tests//a.json"), badFile},
		{"too long a file name", file(strings.Repeat("a", 254)), badFile},

		{"git by SSH", git(func(g *v1alpha1.GitSource) {
			g.URL, g.SecretRef = "git@github.com:topas-dev/tests.git", &v1alpha1.SecretReference{Name: "git-login"}
		}), ""},
		{"git by SSH without a key", git(func(g *v1alpha1.GitSource) { g.URL = "ssh://git@github.com/topas-dev/tests.git" }),
			"an SSH url needs secretRef, the name of a Secret with the keys ssh-privatekey and known_hosts"},
		{"a private repository", git(func(g *v1alpha1.GitSource) { g.SecretRef = &v1alpha1.SecretReference{Name: "git-login"} }), ""},
		{"a Secret without a name", git(func(g *v1alpha1.GitSource) { g.SecretRef = &v1alpha1.SecretReference{} }), "spec.git.secretRef.name"},
		{"a password in the URL", git(func(g *v1alpha1.GitSource) { g.URL = "https://me:secret@github.com/topas-dev/tests.git" }), badLogin},
		{"a token in the URL", git(func(g *v1alpha1.GitSource) { g.URL = "http://token@github.com/topas-dev/tests.git" }), badLogin},
		{"a password in an SSH URL", git(func(g *v1alpha1.GitSource) {
			g.URL, g.SecretRef = "ssh://git:secret@github.com/topas-dev/tests.git", &v1alpha1.SecretReference{Name: "git-login"}
		}), badLogin},
		{"an @ in the path of a repository", git(func(g *v1alpha1.GitSource) { g.URL = "https://github.com/topas-dev/@tests.git" }), ""},
		{"a local repository", git(func(g *v1alpha1.GitSource) { g.URL = "file:///etc" }), badURL},
		{"a bare word for a repository", git(func(g *v1alpha1.GitSource) { g.URL = "tests" }), badURL},
		{"no repository", git(func(g *v1alpha1.GitSource) { g.URL = "" }), "spec.git.url"},
		{"an absolute path", git(func(g *v1alpha1.GitSource) { g.Path = "/etc/passwd" }), badPath},
		{"a path that leaves", git(func(g *v1alpha1.GitSource) { g.Path = "a/../../b" }), badPath},
		{"two dots in a name leave nothing", git(func(g *v1alpha1.GitSource) { g.Path = "a/b..lua" }), ""},
		{"no path", git(func(g *v1alpha1.GitSource) { g.Path = "" }), "spec.git.path"},

		{"the longest name", func(r *v1alpha1.TestRun) { r.Name = strings.Repeat("n", 58) }, ""},
		{"too long a name", func(r *v1alpha1.TestRun) { r.Name = strings.Repeat("n", 59) }, badName},
		{"a name with dots", func(r *v1alpha1.TestRun) { r.Name = "my.run" }, badName},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			run := c.draft("candidate")
			tc.change(run)
			err := c.Client.Create(t.Context(), run)
			if tc.want == "" {
				c.must(err)
				c.must(c.Client.Delete(t.Context(), run))
				return
			}
			if err == nil {
				c.must(c.Client.Delete(t.Context(), run))
				t.Fatalf("the API server took it, want %q", tc.want)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %q, want it to hold %q", err, tc.want)
			}
		})
	}
}

func TestSpecOfATestRunIsImmutable(t *testing.T) {
	c := newCluster(t)
	for i, tc := range []struct {
		reason string
		change func(*v1alpha1.TestRun)
	}{
		{"another App", func(r *v1alpha1.TestRun) { r.Spec.AppName = "other" }},
		{"another script", func(r *v1alpha1.TestRun) { r.Spec.Script = "print(2)" }},
		{"a git source in the script's place", withGit},
		{"another timeout", func(r *v1alpha1.TestRun) { r.Spec.Timeout = "2m" }},
		{"another isolation", exclusive},
		{"more retries", retries(1)},
		{"one more file", func(r *v1alpha1.TestRun) { r.Spec.Files = map[string]string{"a": "b"} }},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			run := c.run("fixed-" + string(rune('a'+i)))
			if run.Spec.Timeout != "10m" {
				t.Errorf("the timeout of a run that names none is %q, want 10m", run.Spec.Timeout)
			}
			tc.change(run)
			err := c.Client.Update(t.Context(), run)
			if err == nil || !strings.Contains(err.Error(), "the spec of a TestRun can't be changed, but for cancel and ttlSecondsAfterFinished: make a new TestRun") {
				t.Errorf("error is %v", err)
			}
		})
	}
}
