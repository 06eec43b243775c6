/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"context"
	"time"
)

// positionsEach bounds what it costs to show positions, whatever happens in the queue: twice as many writes in every
// interval.
const positionsEach = 20

// keepPositions keeps the positions that are shown close to those in the queue.
func (r *Reconciler) keepPositions(ctx context.Context) error {
	tick := time.NewTicker(r.PositionInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			r.wake(ctx, r.Queue.Revisit(positionsEach), "")
		}
	}
}
