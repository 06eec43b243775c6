/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// The second attempt begins this long after the first one, and each later one waits twice as long as the one before it:
// what the cluster lacked may be there by then.
const (
	retryDelay    = 5 * time.Second
	maxRetryDelay = 5 * time.Minute
)

// closeAttempt ends the attempt whose verdict is in the status, and either makes the status that of the next attempt or, if
// there is none, leaves the verdict to the run.
func closeAttempt(s *v1alpha1.TestRunStatus, facts TestRunFacts, number int) {
	again := retried(s, facts)
	if !again && number == 1 {
		return
	}
	s.Attempts = append(s.Attempts, v1alpha1.TestRunAttempt{
		Attempt:        int32(number),
		State:          s.State,
		Reason:         s.Reason,
		Message:        s.Message,
		PodName:        s.PodName,
		StartTime:      s.StartTime,
		CompletionTime: &metav1.Time{Time: endOf(facts)},
	})
	if !again {
		return
	}
	s.PodName, s.AppName, s.GitCommit, s.StartTime = "", "", "", nil
	s.Cases, s.CaseResults, s.CaseResultsOmitted = nil, nil, 0
	s.State, s.Reason, s.Message = v1alpha1.TestRunPending, v1alpha1.ReasonStarting, awaitsRetry(s, facts)
}

// retried reports whether the run is tried again. An attempt that may go on without being seen is the last one: no run has two
// Pods alive.
func retried(s *v1alpha1.TestRunStatus, facts TestRunFacts) bool {
	if s.State != v1alpha1.TestRunError || facts.Canceled || len(s.Attempts) >= facts.Retries || !v1alpha1.Transient(s.Reason) {
		return false
	}
	return !facts.Seen.Alive || facts.Seen.Stage == contract.StageWaiting
}

// TestRunRetryTime is when the attempt that is under way may begin; zero for the first one.
func TestRunRetryTime(s v1alpha1.TestRunStatus) time.Time {
	if len(s.Attempts) == 0 || s.State.Finished() {
		return time.Time{}
	}
	last := s.Attempts[len(s.Attempts)-1]
	delay := retryDelay
	for range len(s.Attempts) - 1 {
		delay = min(2*delay, maxRetryDelay)
	}
	return last.CompletionTime.Add(delay)
}

func awaitsRetry(s *v1alpha1.TestRunStatus, facts TestRunFacts) string {
	last := s.Attempts[len(s.Attempts)-1]
	return fmt.Sprintf("attempt %d of %d begins soon: attempt %d ended as %s: %s",
		last.Attempt+1, facts.Retries+1, last.Attempt, last.Reason, last.Message)
}
