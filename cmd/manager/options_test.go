/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"strings"
	"testing"
	"time"
)

func TestBadFlags(t *testing.T) {
	for _, tc := range []struct {
		reason string
		args   []string
		want   string
	}{
		{"no runner image", nil, "--runner-image is empty and so is $RUNNER_IMAGE"},
		{"no slots", []string{"--runner-image=x", "--max-concurrent-tests=0"}, "--max-concurrent-tests is 0, must be 1 or more"},
		{"a negative number for a namespace", []string{"--runner-image=x", "--max-concurrent-per-namespace=-1"},
			"--max-concurrent-per-namespace is -1, must be 1 or more, or 0 for no limit of its own"},
		{"no number", []string{"--runner-image=x", "--max-concurrent-tests=many"}, `invalid value "many" for flag -max-concurrent-tests`},
		{"too short a deadline", []string{"--runner-image=x", "--start-deadline=10ms"}, "--start-deadline is 10ms, must be 1s or more"},
		{"a time to live before the end", []string{"--runner-image=x", "--default-ttl=-1s"}, "--default-ttl is -1s, must be 0 or more"},
		{"a deadline without a unit", []string{"--runner-image=x", "--start-deadline=5"}, `invalid value "5" for flag -start-deadline`},
		{"an address without a port", []string{"--runner-image=x", "--metrics-bind-address=localhost"},
			`--metrics-bind-address is "localhost", must be <host>:<port>, :<port> or 0`},
		{"an unknown flag", []string{"--runner-images=x"}, "flag provided but not defined: -runner-images"},
		{"an argument", []string{"--runner-image=x", "start"}, `unexpected argument "start"`},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Setenv(runnerImageVariable, "")
			_, err := parse(tc.args)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want it to hold %q", err, tc.want)
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	t.Setenv(runnerImageVariable, "topas/runner:v1")
	o, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	if o.maxConcurrentTests != 50 || o.maxConcurrentPerNamespace != 0 || o.startDeadline != 5*time.Minute || o.defaultTTL != 0 || o.runnerImage != "topas/runner:v1" || !o.metricsSecure ||
		o.metricsAddress != ":8443" || o.probeAddress != ":8081" || o.leaderElect {
		t.Errorf("defaults: %+v", o)
	}
}
