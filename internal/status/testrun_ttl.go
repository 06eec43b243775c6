/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// TestRunExpiry is when the run is to be deleted; zero if never, or not yet known. A run without a time to live has the given
// one, where 0 means for ever. It counts from the completion or from when that was written down, whichever is later: a node
// whose clock is late, or a manager that was away, must not delete a verdict before anybody could see it.
func TestRunExpiry(run *v1alpha1.TestRun, byDefault time.Duration) time.Time {
	ttl := byDefault
	if seconds := run.Spec.TTLSecondsAfterFinished; seconds != nil {
		ttl = time.Duration(*seconds) * time.Second
	} else if byDefault == 0 {
		return time.Time{}
	}
	var end time.Time
	if c := meta.FindStatusCondition(run.Status.Conditions, v1alpha1.TestRunConditionComplete); c != nil && c.Status == metav1.ConditionTrue {
		end = c.LastTransitionTime.Time
	}
	if completed := run.Status.CompletionTime; completed != nil && completed.After(end) {
		end = completed.Time
	}
	if !run.Status.State.Finished() || end.IsZero() {
		return time.Time{}
	}
	return end.Add(ttl)
}
