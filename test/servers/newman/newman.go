/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package newman finds the Newman that tests run collections with.
package newman

import (
	"os"
	"path/filepath"
	"testing"
)

const variable = "TOPAS_NEWMAN"

// Dir returns the folder whose node_modules holds Newman: the one that the variable TOPAS_NEWMAN names, or else
// build/newman in the repository. A test without Newman fails, it is never skipped.
func Dir(t testing.TB) string {
	t.Helper()
	dir := os.Getenv(variable)
	if dir == "" {
		dir = filepath.Join(moduleRoot(t), "build", "newman")
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "newman", "package.json")); err != nil {
		t.Fatalf("Newman is not in %s: run \"make newman\", or set %s to the folder whose node_modules has it (%v)", dir, variable, err)
	}
	return dir
}

func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("the tests are not run from within the module: no go.mod above the working directory")
	return ""
}
