/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import "testing"

func TestWithoutValue(t *testing.T) {
	for _, tc := range []struct{ reason, message, want string }{
		{"a string", `Invalid value: "5 \"minutes": timeout must be a duration`, "timeout must be a duration"},
		{"an object", `Invalid value: {"appName":"a: b","script":"x"}: exactly one of them`, "exactly one of them"},
		{"a number", `Invalid value: 0: must be at least 1`, "must be at least 1"},
		{"no value", "Invalid value: the name must be a DNS label: a-z", "the name must be a DNS label: a-z"},
		{"another kind of message", "Required value", "Required value"},
	} {
		if got := withoutValue(tc.message); got != tc.want {
			t.Errorf("%s: withoutValue(%q) = %q, want %q", tc.reason, tc.message, got, tc.want)
		}
	}
}
