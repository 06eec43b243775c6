/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// TestRunEvent is what a person would want to know of a change.
type TestRunEvent struct {
	// Type is Normal or Warning.
	Type   string
	Reason string
	Action string
	Note   string
}

// TestRunEventOf returns the event for a change of status, or nil when there is nothing to tell that is not in the status for
// as long as it is true: that a run waits, is being started, or runs, of which its Pod's events tell as well.
func TestRunEventOf(before, after v1alpha1.TestRunStatus) *TestRunEvent {
	if len(after.Attempts) > len(before.Attempts) && !after.State.Finished() {
		return &TestRunEvent{Type: corev1.EventTypeWarning, Reason: after.Attempts[len(after.Attempts)-1].Reason, Action: "Retry",
			Note: cutText("The run is tried again: "+after.Message, maxNote)}
	}
	if before.State == after.State {
		return nil
	}
	event := &TestRunEvent{Type: corev1.EventTypeNormal, Reason: after.Reason}
	switch {
	case after.State == v1alpha1.TestRunPassed:
		event.Action, event.Note = "Finish", "The test passed"
	case after.State.Finished():
		event.Type, event.Action = corev1.EventTypeWarning, "Finish"
		event.Note = cutText(cmp.Or(after.Message, "The test ended as "+string(after.State)), maxNote)
	default:
		return nil
	}
	return event
}
