/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNear(t *testing.T) {
	runs := []string{"upgrade-x7k2p", "upgrade-9xk2p", "smoke", "load", "a"}
	for _, tc := range []struct {
		reason, name string
		want         []string
	}{
		{"a letter too few", "smke", []string{"smoke"}},
		{"a letter too many", "loaad", []string{"load"}},
		{"two letters swapped in a long name, the nearer one first", "upgrade-7xk2p", []string{"upgrade-9xk2p", "upgrade-x7k2p"}},
		{"the beginning of several", "upgrade", []string{"upgrade-x7k2p", "upgrade-9xk2p"}},
		{"another word", "checkout", nil},
		{"nothing", "", []string{"a"}},
	} {
		if diff := cmp.Diff(tc.want, near(tc.name, runs)); diff != "" {
			t.Errorf("%s: near(%q) (-want +got):\n%s", tc.reason, tc.name, diff)
		}
	}
}
