//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

// block is a fenced block of a page.
type block struct {
	page, language, text string
	line                 int
}

var fence = regexp.MustCompile("(?ms)^```([a-z ]*)\n(.*?)^```$")

// blocks returns the fenced blocks in the language of the README and of every page below docs.
func blocks(t *testing.T, language string) []block {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var all []block
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fence.FindAllSubmatchIndex(data, -1) {
			b := block{page: filepath.Base(page), language: string(data[m[2]:m[3]]), text: string(data[m[4]:m[5]])}
			b.line = 1 + strings.Count(string(data[:m[0]]), "\n")
			if b.language == language {
				all = append(all, b)
			}
		}
	}
	if len(all) == 0 {
		t.Fatalf("the documentation has no example in %q", language)
	}
	return all
}

// Every Lua example of the documentation passes against the sample App, with the files of the
// sample test beside it and the Secret "login".
func TestLuaExamplesInTheDocs(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	app := sampleApp(t, ns)
	create(t, app)
	create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "login"}, StringData: map[string]string{"password": "p4ssword"},
	})
	untilReady(t, app)
	for i, b := range append(blocks(t, "lua"), blocks(t, "lua cluster")...) {
		t.Run(fmt.Sprintf("%s:%d", b.page, b.line), func(t *testing.T) {
			run := testRun(ns, fmt.Sprintf("example-%d", i), b.text)
			run.Spec.Files, run.Spec.Secrets = sampleFiles(t), []string{"login"}
			create(t, run)
			untilFinished(t, run)
			if run.Status.State != topasv1alpha1.TestRunPassed {
				t.Errorf("the example ended as %s:\n%s", describeRun(run), b.text)
			}
		})
	}
}

// Every YAML example of the documentation, and every sample, is taken by the API server.
func TestYAMLExamplesInTheDocs(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	all := blocks(t, "yaml")
	samples, err := filepath.Glob(filepath.Join(root, "config", "samples", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, sample := range samples {
		data, err := os.ReadFile(sample)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(sample) != "kustomization.yaml" {
			all = append(all, block{page: filepath.Base(sample), line: 1, text: string(data)})
		}
	}
	for _, b := range all {
		for _, document := range strings.Split(b.text, "\n---\n") {
			obj := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(document), obj); err != nil {
				t.Fatalf("%s:%d: %v", b.page, b.line, err)
			}
			obj.SetNamespace(ns)
			strict := client.FieldValidation("Strict")
			if err := cluster.Create(t.Context(), obj, client.DryRunAll, strict); err != nil {
				t.Errorf("%s:%d: %v", b.page, b.line, err)
			}
		}
	}
}

// The shell examples do what a newcomer would see after the demo.
func TestShellExamplesInTheDocs(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	app := sampleApp(t, ns)
	create(t, app)
	untilReady(t, app)

	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	out, err := exec.Command("kubectl", "config", "view", "--raw").Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kubeconfig, out, 0o600); err != nil {
		t.Fatal(err)
	}
	bin, err := filepath.Abs(filepath.Join(root, "bin"))
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+bin+":"+os.Getenv("PATH"))
	set := exec.Command("kubectl", "config", "set-context", "--current", "--namespace="+ns)
	set.Env = env
	if out, err := set.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	for _, b := range blocks(t, "sh") {
		t.Run(fmt.Sprintf("%s:%d", b.page, b.line), func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "bash", "-euxc", b.text)
			cmd.Dir, cmd.Env = t.TempDir(), env
			if err := os.CopyFS(filepath.Join(cmd.Dir, "config", "samples"), os.DirFS(filepath.Join(root, "config", "samples"))); err != nil {
				t.Fatal(err)
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v:\n%s", err, out)
			}
		})
	}
}

// sampleFiles returns the files that the sample test brings along.
func sampleFiles(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, name := range []string{"tests/api-tests.json", "tests/staging.env.json"} {
		data, err := os.ReadFile(filepath.Join(root, "config", "samples", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(data)
	}
	return files
}
