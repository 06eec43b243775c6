/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"sync"
	"time"

	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/internal/lua/modules/test"
)

// recorder keeps the cases of a test that have ended.
type recorder struct {
	redactor *redactor
	// changed holds a value when a case was recorded since it was read last.
	changed chan struct{}

	mu       sync.Mutex
	progress contract.Progress
}

func newRecorder(r *redactor) *recorder {
	return &recorder{redactor: r, changed: make(chan struct{}, 1)}
}

// Record takes a case that has ended.
func (r *recorder) Record(c test.Case) {
	r.mu.Lock()
	r.progress.Add(r.redactor.redact(c.Name), contract.CaseState(c.State), r.redactor.redact(c.Message), c.Duration.Round(time.Microsecond))
	r.mu.Unlock()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// Attach keeps nothing so far: there is no place yet where it would outlive the run.
func (r *recorder) Attach(test.Attachment) {}

// soFar returns the cases recorded so far. What it returns is not changed by later ones.
func (r *recorder) soFar() contract.Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.progress
}

// counts are nil if there is no case.
func (r *recorder) counts() *contract.Cases {
	cases := r.soFar().Cases
	if cases.Total == 0 {
		return nil
	}
	return &cases
}
