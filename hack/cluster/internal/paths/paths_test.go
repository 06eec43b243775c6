/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package paths

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFromEnv(t *testing.T) {
	tests := map[string]struct {
		reason string
		env    map[string]string
		want   Paths
		fails  bool
	}{
		"Defaults": {"as the XDG specification has them", map[string]string{"HOME": "/home/a"}, Paths{"/home/a/.local/state/topas/cluster", "/home/a/.cache/topas"}, false},
		"Set":      {"no HOME is needed then", map[string]string{"XDG_STATE_HOME": "/s/", "XDG_CACHE_HOME": "/c"}, Paths{"/s/topas/cluster", "/c/topas"}, false},
		"Relative": {"the specification says to ignore these", map[string]string{"HOME": "/home/a", "XDG_CACHE_HOME": "c"}, Paths{"/home/a/.local/state/topas/cluster", "/home/a/.cache/topas"}, false},
		"Nothing":  {"there is no place to write to", nil, Paths{}, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := FromEnv(func(name string) string { return tc.env[name] })
			if diff := cmp.Diff(tc.want, got); diff != "" || (err != nil) != tc.fails {
				t.Errorf("%s: %v (-want +got):\n%s", tc.reason, err, diff)
			}
		})
	}
}
