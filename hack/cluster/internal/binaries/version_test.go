/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package binaries

import (
	"os"
	"strings"
	"testing"
)

// A binary that claims another version than it is made from would mislead
// every client that asks.
func TestVersionIsThatOfTheModule(t *testing.T) {
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if required := "k8s.io/kubernetes " + Version + "\n"; !strings.Contains(string(text), required) {
		t.Errorf("go.mod does not require %q", required)
	}
	const want = "-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3" +
		" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36"
	if got := linkFlags(); got != want {
		t.Errorf("linker flags are %q, want %q", got, want)
	}
}
