/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import (
	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// endsAsCanceled reports whether a run that is to be canceled has come to its end by that. A script that had ended before it
// was asked to has its own verdict; what one says that was interrupted, or that ended later, does not count. Times are whole
// seconds, so within one the runner's own words decide.
func endsAsCanceled(seen contract.Observation) bool {
	if seen.Stage != contract.StageEnded {
		return seen.Stage == contract.StageAbsent
	}
	switch seen.Result.Reason {
	case v1alpha1.ReasonTerminated, v1alpha1.ReasonPodDeleted, v1alpha1.ReasonNodeLost:
		return true
	}
	return !seen.StopAsked.IsZero() && (seen.Ended.IsZero() || seen.Ended.After(seen.StopAsked))
}

func canceledMessage(s *v1alpha1.TestRunStatus, facts TestRunFacts) string {
	message := "canceled by spec.cancel before it started"
	if s.StartTime != nil {
		message = "canceled by spec.cancel after " + scriptDuration(s, facts)
	}
	if facts.Seen.Alive {
		message += ": " + facts.Seen.Result.Message
	}
	return message
}

// cancelingState is that of a run whose execution has been asked to end and has not done so yet.
func cancelingState(facts TestRunFacts) (v1alpha1.TestRunState, string, string) {
	if facts.Seen.Stage == contract.StageRunning {
		return v1alpha1.TestRunRunning, v1alpha1.ReasonRunning, "being canceled: the script is stopped and may clean up"
	}
	return v1alpha1.TestRunPending, v1alpha1.ReasonStarting, "being canceled"
}
