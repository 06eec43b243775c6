/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"context"
	"errors"
	"time"
)

// cleanupGrace is how long deferred functions may take when the time of the test is over, or it was canceled. With what
// the script takes to stop, and the report after it, that stays within the 30s that a Pod has.
const cleanupGrace = 15 * time.Second

var errCleanupOver = errors.New("the time for cleaning up is over")

// afterwards returns a context that ends a while after ctx.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	extended, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(cleanupGrace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel(errCleanupOver)
		case <-extended.Done():
		}
	})
	return extended, func() {
		stop()
		cancel(nil)
	}
}
