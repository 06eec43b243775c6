/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/log"
)

// positionsEach bounds what it costs to show positions, whatever happens in the queue: twice as many writes in every
// interval.
const positionsEach = 20

// keepQueue fills the queue also when no run comes to be reconciled, so that its metrics are there, and keeps the positions
// that are shown close to those in it.
func (r *Reconciler) keepQueue(ctx context.Context) error {
	tick := time.NewTicker(r.PositionInterval)
	defer tick.Stop()
	for {
		if err := r.restoreSlots(ctx); err != nil && ctx.Err() == nil {
			log.FromContext(ctx).Error(err, "The queue can't be filled, this is tried again")
		}
		r.wake(ctx, r.Queue.Revisit(positionsEach), "")
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
