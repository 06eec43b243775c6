/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package v1alpha1

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// TestThePageOfAppsIsComplete looks for every field of an App, and for every phase, condition and reason.
func TestThePageOfAppsIsComplete(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "app.md"))
	if err != nil {
		t.Fatal(err)
	}
	words := append(constants(t, "conditions.go", "App"), constants(t, "app_types.go", "App")...)
	for _, part := range []any{ServiceSpec{}, Readiness{}, Resources{}, DatabaseSpec{}, Storage{}, AppStatus{}, ServiceStatus{}, DatabaseStatus{}} {
		words = append(words, fields(reflect.TypeOf(part))...)
	}
	if len(words) < 60 {
		t.Fatalf("only %d words to look for: %v", len(words), words)
	}
	for _, word := range words {
		if !strings.Contains(string(page), "`"+word) {
			t.Errorf("docs/app.md does not explain `%s`", word)
		}
	}
}

// TestThePageOfTestRunsIsComplete looks for every field of a TestRun, and for every state, condition and reason.
func TestThePageOfTestRunsIsComplete(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "testrun.md"))
	if err != nil {
		t.Fatal(err)
	}
	words := append(constants(t, "testrun_reasons.go", "Reason"), constants(t, "testrun_types.go", "Isolation")...)
	words = append(words, constants(t, "testrun_status_types.go", "Case")...)
	words = append(words, constants(t, "conditions.go", "TestRun")...)
	for _, part := range []any{TestRunSpec{}, GitSource{}, PodTemplate{}, TestRunStatus{}, TestRunAttempt{}, TestRunCases{}, TestRunCase{}} {
		words = append(words, fields(reflect.TypeOf(part))...)
	}
	if len(words) < 80 {
		t.Fatalf("only %d words to look for: %v", len(words), words)
	}
	for _, word := range words {
		if !strings.Contains(string(page), "`"+word) {
			t.Errorf("docs/testrun.md does not explain `%s`", word)
		}
	}
}

// fields are the JSON names of a struct.
func fields(kind reflect.Type) []string {
	var names []string
	for i := range kind.NumField() {
		name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// constants are the values of a file's constants whose names begin with prefix.
func constants(t *testing.T, file, prefix string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(parsed, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, prefix) {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
			value, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, value)
		}
		return true
	})
	return values
}
