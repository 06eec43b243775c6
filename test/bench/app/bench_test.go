/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMeasure measures two Apps by the real manager.
func TestMeasure(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "manager")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../../cmd/manager").CombinedOutput(); err != nil {
		t.Fatalf("building the manager: %v\n%s", err, out)
	}
	m, err := measure(t.Context(), binary, 2)
	if err != nil {
		t.Fatal(err)
	}
	if m.requests["PATCH"] == 0 || m.passes == 0 || m.allocated == 0 || m.cpu == 0 || m.took == 0 {
		t.Errorf("what bringing up 2 Apps took is %+v, want nothing of it to be 0", m)
	}
	if m.resyncWrites != 0 || m.resyncPasses < warmups+2 {
		t.Errorf("a manager that found the Apps converged wrote %v times in %v passes, want 0 in at least %d",
			m.resyncWrites, m.resyncPasses, warmups+2)
	}
}

func TestReport(t *testing.T) {
	few := measurement{apps: 50, took: 10 * time.Second, requests: map[string]float64{"GET": 500, "PATCH": 750}, passes: 250,
		allocated: 200e6, cpu: 1, resyncPasses: 60}
	many := measurement{apps: 200, took: 50 * time.Second, requests: map[string]float64{"GET": 2000, "PATCH": 3000}, passes: 1000,
		allocated: 880e6, cpu: 5, resyncPasses: 210, resyncWrites: 20}
	var out bytes.Buffer
	if err := report(&out, few, many); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	want := `{"writes_when_converged":0.1,"requests_per_app":25,"cost_ratio_200_50":1.1,` +
		`"apps_per_second_50":5,"apps_per_second_200":4,"requests_per_app_50":25,` +
		`"allocated_kb_per_app_50":4000,"allocated_kb_per_app_200":4400,"cpu_ms_per_app_50":20,"cpu_ms_per_app_200":25}`
	if diff := cmp.Diff(want, lines[len(lines)-1]); diff != "" {
		t.Errorf("the last line (-want +got):\n%s", diff)
	}
}
