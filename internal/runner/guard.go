/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// stopGrace is how long a script may take to stop after its time is up.
const stopGrace = 5 * time.Second

// guard runs script, and gives it up when it has not stopped a while after the end of ctx: Lua's patterns, for one,
// can't be interrupted. What was given up ends with the process.
func guard(ctx context.Context, script func() error) error {
	done := make(chan error, 1)
	go func() { done <- caught(script) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(stopGrace):
		return &stuckError{cause: ctx.Err()}
	}
}

// stuckError says that a script was given up. It is the context's error.
type stuckError struct{ cause error }

func (e *stuckError) Error() string {
	return fmt.Sprintf("the script did not stop within %s when its time was up: it is in a call that can't be interrupted, "+
		"such as string.find or string.gsub with a costly pattern", stopGrace)
}

func (e *stuckError) Unwrap() error { return e.cause }

// caught calls f, and returns a panic as an error.
func caught(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value: value, stack: string(debug.Stack())}
		}
	}()
	return f()
}

// panicError is a mistake in the runner itself.
type panicError struct {
	value any
	stack string
}

func (e *panicError) Error() string { return fmt.Sprintf("the runner panicked: %v", e.value) }
