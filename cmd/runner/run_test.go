/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadParams(t *testing.T) {
	folder := t.TempDir()
	for _, tc := range []struct {
		reason, content string
		want            map[string]string
		problem         string
	}{
		{"a run without parameters has no file", "", nil, ""},
		{"strings by name", `{"USERS": "10"}`, map[string]string{"USERS": "10"}, ""},
		{"no JSON", `USERS=10`, nil, "want a JSON object of strings"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			file := filepath.Join(folder, t.Name())
			if tc.content != "" {
				file = filepath.Join(folder, "params.json")
				if err := os.WriteFile(file, []byte(tc.content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := readParams(file)
			if !maps.Equal(got, tc.want) || (err == nil) != (tc.problem == "") {
				t.Fatalf("params %v, error %v, want %v", got, err, tc.want)
			}
			if err != nil && !strings.Contains(err.Error(), tc.problem) {
				t.Errorf("error is %v, want it to hold %q", err, tc.problem)
			}
		})
	}
}
