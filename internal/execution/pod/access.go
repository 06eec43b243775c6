/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package pod

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/desired"
)

const (
	// accessTrust is how long what gives tests access to an App counts as being there since it was seen. Who deletes it gets it
	// back after that time, or as soon as a Pod is refused.
	accessTrust = time.Minute
	// maxRecent is how much is remembered of one kind.
	maxRecent = 1000
)

// recent remembers for a while what was done lately.
type recent[K comparable] struct {
	mu    sync.Mutex
	until map[K]time.Time
}

func (r *recent[K]) has(key K) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Now().Before(r.until[key])
}

func (r *recent[K]) add(key K, lasting time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if len(r.until) >= maxRecent {
		maps.DeleteFunc(r.until, func(_ K, until time.Time) bool { return now.After(until) })
	}
	if r.until == nil || len(r.until) >= maxRecent {
		r.until = map[K]time.Time{}
	}
	r.until[key] = now.Add(lasting)
}

func (r *recent[K]) remove(key K) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.until, key)
}

// ensureAccess brings the ServiceAccount and the RoleBinding of the App's tests into being.
func (e *Execution) ensureAccess(ctx context.Context, app *v1alpha1.App) error {
	if e.accessible.has(app.UID) {
		return nil
	}
	if _, err := ensure(ctx, e, desired.RunnerServiceAccount(app)); err != nil {
		return err
	}
	if _, err := ensure(ctx, e, desired.RunnerRoleBinding(app)); err != nil {
		return err
	}
	e.accessible.add(app.UID, accessTrust)
	return nil
}
