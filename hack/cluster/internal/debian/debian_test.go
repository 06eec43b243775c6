/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package debian

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMissing(t *testing.T) {
	tests := map[string]struct {
		reason     string
		absent     map[string]bool
		hasPlugins bool
		want       []string
	}{
		"Complete": {"nothing to install", nil, true, nil},
		"Plugins":  {"they are no programs on the PATH", nil, false, []string{"containernetworking-plugins"}},
		"Part": {
			"one missing program is enough, and the order is stable",
			map[string]bool{"ctr": true, "conntrack": true}, true, []string{"conntrack", "containerd"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := missing(func(program string) bool { return !tc.absent[program] }, tc.hasPlugins)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
