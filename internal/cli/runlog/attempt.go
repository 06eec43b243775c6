/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runlog

import (
	"fmt"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// CurrentAttempt is the number of the attempt that the run is at, or that it ended with.
func CurrentAttempt(run *v1alpha1.TestRun) int32 {
	last := int32(0)
	for _, a := range run.Status.Attempts {
		last = max(last, a.Attempt)
	}
	if run.Status.State.Finished() && last > 0 {
		return last
	}
	return last + 1
}

// attemptEnded reports whether the manager has judged the attempt.
func attemptEnded(run *v1alpha1.TestRun, attempt int32) bool {
	return run.Status.State.Finished() || attempt < CurrentAttempt(run)
}

// howItEnded says what became of an attempt after which there was another.
func howItEnded(run *v1alpha1.TestRun, attempt int32) string {
	for _, a := range run.Status.Attempts {
		if a.Attempt == attempt {
			return "ended as " + string(a.State) + because(a.Reason, a.Message)
		}
	}
	return "has ended"
}

func checkAttempt(run *v1alpha1.TestRun, attempt int32) error {
	if current := CurrentAttempt(run); attempt > current {
		return fmt.Errorf("testrun %q has no attempt %d: its last one is %d", run.Name, attempt, current)
	}
	return nil
}
