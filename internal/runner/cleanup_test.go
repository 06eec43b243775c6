/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// What is cleaned up has the time of the script, and then the grace, however the script ended.
func TestTimeForCleaningUp(t *testing.T) {
	for _, tc := range []struct {
		reason string
		begin  func(context.Context) (context.Context, context.CancelFunc)
		want   time.Duration
	}{
		{"the script has time left", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Minute)
		}, time.Minute + cleanupGrace},
		{"the run was canceled", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx, cancel
		}, cleanupGrace},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ctx, cancel := tc.begin(t.Context())
				defer cancel()
				after, stop := afterwards(ctx)
				defer stop()
				<-after.Done()
				if took := time.Since(began); took != tc.want || !errors.Is(context.Cause(after), errCleanupOver) {
					t.Errorf("it ended after %s because %v, want %s", took, context.Cause(after), tc.want)
				}
			})
		})
	}
}
