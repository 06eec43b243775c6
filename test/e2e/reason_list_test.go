/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// This file needs no cluster, and is the only one here that is built without the tag e2e.

package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// broughtAbout names the test that brings a reason of a TestRun about on a real cluster: a file of this folder and a function
// in it, which says what the status must be. A file with a folder is of a test without a kubelet.
var broughtAbout = map[string]string{
	"ReasonQueued":           "isolation_test.go:TestExclusive",
	"ReasonStarting":         "reasons_test.go:TestReasons",
	"ReasonRunning":          "reasons_test.go:TestReasons",
	"ReasonPassed":           "reasons_test.go:TestReasons",
	"ReasonPassedAfterRetry": "retries_test.go:TestRetries",
	"ReasonAssertionFailed":  "bad_input_test.go:TestBadTests",
	"ReasonScriptError":      "bad_input_test.go:TestBadTests",
	"ReasonTimedOut":         "bad_input_test.go:TestBadTests",
	"ReasonAppNotFound":      "bad_input_test.go:TestBadTests",
	"ReasonBundleInvalid":    "reasons_test.go:TestReasons",
	"ReasonBundleTooLarge":   "reasons_test.go:TestReasons",
	"ReasonScriptNotFound":   "git_test.go:TestGitRevisions",
	"ReasonCompileError":     "bad_input_test.go:TestBadTests",
	"ReasonSecretNotFound":   "secrets_test.go:TestSecrets",
	"ReasonGitAuthFailed":    "git_test.go:TestGitAccess",
	"ReasonPodNameTaken":     "reasons_test.go:TestReasons",
	"ReasonOOMKilled":        "reasons_test.go:TestReasons",
	"ReasonCanceled":         "cancel_test.go:TestCancel",
	"ReasonAppNotReady":      "isolation_test.go:TestEphemeralCopyThatIsNotReady",
	"ReasonGitCloneFailed":   "git_test.go:TestGitRevisions",
	"ReasonImagePullFailed":  "bad_input_test.go:TestRunnerImageThatCannotBePulled",
	"ReasonUnschedulable":    "reasons_test.go:TestReasons",
	"ReasonStartFailed":      "reasons_test.go:TestReasons",
	"ReasonPodCreateFailed":  "reasons_test.go:TestReasons",
	"ReasonPodDeleted":       "reasons_test.go:TestReasons",
	"ReasonEvicted":          "reasons_test.go:TestReasons",
	"ReasonNodeLost":         "reason_node_test.go:TestNodeThatDoesNotAnswer",
	"ReasonDeadlineExceeded": "reasons_test.go:TestReasons",
	"ReasonTerminated":       "reasons_test.go:TestReasons",
	"ReasonRunnerCrashed":    "reasons_test.go:TestReasons",
}

func TestEveryReasonIsBroughtAbout(t *testing.T) {
	reasons := constants(t, filepath.Join("..", "..", "api", "v1alpha1", "testrun_reasons.go"))
	if len(reasons) == 0 {
		t.Fatal("the API has no reasons")
	}
	for _, reason := range reasons {
		file, function, _ := strings.Cut(broughtAbout[reason], ":")
		switch {
		case file == "":
			t.Errorf("%s: no test of broughtAbout brings it about", reason)
		case !mentions(t, filepath.FromSlash(file), function, reason):
			t.Errorf("%s: %s of %s says nothing of it", reason, function, file)
		}
	}
	for reason := range broughtAbout {
		if !slices.Contains(reasons, reason) {
			t.Errorf("%s is in broughtAbout, and is no reason of the API", reason)
		}
	}
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// constants returns the names of the constants in a file.
func constants(t *testing.T, path string) []string {
	t.Helper()
	var names []string
	for _, declaration := range parse(t, path).Decls {
		group, ok := declaration.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			for _, name := range spec.(*ast.ValueSpec).Names {
				names = append(names, name.Name)
			}
		}
	}
	return names
}

// mentions reports whether the function of the file uses the constant of the API.
func mentions(t *testing.T, path, function, constant string) bool {
	t.Helper()
	found := false
	for _, declaration := range parse(t, path).Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok || f.Name.Name != function {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			found = found || ok && selector.Sel.Name == constant
			return true
		})
	}
	return found
}
