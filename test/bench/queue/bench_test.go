/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestDrain drains short queues by the real manager and the real Job controller. The measurement itself makes sure that
// no run has more than a slot, that each has one Pod and passes, and that nothing is left of it in the queue.
func TestDrain(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "manager")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../../cmd/manager").CombinedOutput(); err != nil {
		t.Fatalf("building the manager: %v\n%s", err, out)
	}
	for _, n := range []int{100, 200} {
		m, err := measureRuns(t.Context(), binary, n)
		if err != nil {
			t.Fatal(err)
		}
		checkMeasured(t, m)
		// The positions of 40 runs are written every 5 seconds, however many runs end in that time.
		positions := 40 * (1 + int((m.took+2*time.Second)/(5*time.Second)))
		if writes := m.requests.count(isWrite); writes > 6*n+positions {
			t.Errorf("%d runs took %d writes in %s, want at most 6 each and %d that show positions: %v", n, writes, m.took, positions, m.requests)
		}
		if events := m.requests.count(isEvent); events > n {
			t.Errorf("%d runs took %d Events, want at most one each", n, events)
		}
		if m.maxRunning != slots || m.allocated == 0 {
			t.Errorf("%d containers were alive at once and %v bytes allocated, want %d and some", m.maxRunning, m.allocated, slots)
		}
	}
	jobs, err := measureJobs(t.Context(), 60, unlimited...)
	if err != nil {
		t.Fatal(err)
	}
	checkMeasured(t, jobs)
	if jobs.maxRunning > slots {
		t.Errorf("%d containers of Jobs were alive at once, want at most %d", jobs.maxRunning, slots)
	}
}

func checkMeasured(t *testing.T, m measurement) {
	t.Helper()
	if m.cpu == 0 || m.peak == 0 || m.serverCPU == 0 || m.took == 0 {
		t.Errorf("what draining %d %s took is %+v, want nothing of it to be 0", m.count, m.what, m)
	}
	if pods := m.requests[request{"create", "pods"}]; pods != m.count {
		t.Errorf("%d Pods were created for %d %s", pods, m.count, m.what)
	}
}
