/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package binaries

import (
	"os"
	"path/filepath"
	"testing"
)

func TestKey(t *testing.T) {
	files := map[string]string{
		"go.mod": "module x", "go.sum": "sums", "cmd/kube-all/main.go": "package main",
		"cmd/pause/main.go": "package main", "cmd/cluster/main.go": "package main", "README.md": "text",
	}
	original := keyOf(t, files, "go1.26 linux amd64")
	tests := map[string]struct {
		reason    string
		file      string
		toolchain string
		changes   bool
	}{
		"Nothing":      {"the folder's place does not matter", "", "go1.26 linux amd64", false},
		"Modules":      {"other versions are other binaries", "go.sum", "go1.26 linux amd64", true},
		"Source":       {"our own sources are compiled in", "cmd/kube-all/main.go", "go1.26 linux amd64", true},
		"Pause":        {"it lies in the same folder", "cmd/pause/main.go", "go1.26 linux amd64", true},
		"Toolchain":    {"another Go compiles other code", "", "go1.27 linux amd64", true},
		"Orchestrator": {"it is not part of the binaries, and must not cost minutes", "cmd/cluster/main.go", "go1.26 linux amd64", false},
		"Readme":       {"text is not compiled", "README.md", "go1.26 linux amd64", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			changed := map[string]string{}
			for file, content := range files {
				changed[file] = content
			}
			if tc.file != "" {
				changed[tc.file] += " changed"
			}
			if got := keyOf(t, changed, tc.toolchain); (got != original) != tc.changes {
				t.Errorf("%s: key %s, originally %s", tc.reason, got, original)
			}
		})
	}
}

func keyOf(t *testing.T, files map[string]string, toolchain string) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files {
		write(t, filepath.Join(folder, name), content)
	}
	key, err := Key(folder, toolchain)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestFindSource(t *testing.T) {
	checkout := t.TempDir()
	write(t, filepath.Join(checkout, "hack/cluster/go.mod"), "module github.com/topas-dev/topas/hack/cluster\n")
	write(t, filepath.Join(checkout, "go.mod"), "module github.com/topas-dev/topas\n")
	tests := map[string]struct {
		reason, workdir, asked, want string
	}{
		"Root":   {"the Makefile runs there", ".", "", "hack/cluster"},
		"Inside": {"go run -C hack/cluster ends up there", "hack/cluster", "", "hack/cluster"},
		"Asked":  {"an explicit folder counts", "hack", "./cluster", "hack/cluster"},
		"Wrong":  {"an explicit folder that is another module is refused", ".", ".", ""},
		"None":   {"there is nothing to find", "hack", "", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Chdir(filepath.Join(checkout, tc.workdir))
			got, err := FindSource(tc.asked)
			if tc.want == "" {
				if err == nil {
					t.Errorf("%s: got %s", tc.reason, got)
				}
				return
			}
			if want := filepath.Join(checkout, tc.want); err != nil || got != want {
				t.Errorf("%s: got %q, %v; want %q", tc.reason, got, err, want)
			}
		})
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
