/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package v1alpha1

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestEveryFieldOfARunIsImmutable looks for every field of the spec in the rule that refuses changes: a new one is easily
// forgotten there.
func TestEveryFieldOfARunIsImmutable(t *testing.T) {
	crd, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "bases", "topas.dev_testruns.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Join(strings.Fields(string(crd)), " ")
	for _, field := range fields(reflect.TypeOf(TestRunSpec{})) {
		want := "has(self." + field + ") == has(oldSelf." + field + ") && (!has(self." + field + ") || self." + field + " == oldSelf." + field + ")"
		if field == "appName" {
			want = "self.appName == oldSelf.appName"
		}
		mutable := slices.Contains([]string{"cancel", "ttlSecondsAfterFinished"}, field)
		if strings.Contains(words, want) == mutable {
			t.Errorf("whether the rule for changes of TestRunSpec holds %q must be %v", want, !mutable)
		}
	}
}
