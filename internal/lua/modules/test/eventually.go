/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package test

import (
	"context"
	"errors"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/convert"
)

// eventuallyOptions are what test.eventually takes; a duration alone is the timeout.
type eventuallyOptions struct {
	Timeout  time.Duration `lua:"timeout"`
	Interval time.Duration `lua:"interval"`
}

var errEventually = errors.New("the time was over")

// eventually calls a function until it neither raises nor returns false.
func (m *Module) eventually(L *lua.LState) int {
	function := L.CheckFunction(1)
	o := eventuallyOptions{Timeout: 30 * time.Second, Interval: 500 * time.Millisecond}
	if L.Get(2).Type() == lua.LTString {
		o.Timeout = convert.CheckDuration(L, 2)
	} else {
		convert.CheckOptions(L, 2, &o)
	}
	if o.Timeout == 0 {
		L.ArgError(2, "timeout is 0s, must be more")
	}
	m.probing++
	defer func() { m.probing-- }()
	ctx, cancel := context.WithTimeoutCause(L.Context(), o.Timeout, errEventually)
	defer cancel()
	last := ""
	for attempt := 1; ; attempt++ {
		results, problem := m.probe(ctx, L, function)
		if problem == "" {
			for _, result := range results {
				L.Push(result)
			}
			return len(results)
		}
		// An attempt that was cut short says less than the one before it.
		if ctx.Err() == nil || last == "" {
			last = problem
		}
		if !pause(ctx, o.Interval) {
			m.stopped(L)
			convert.RaiseAssertion(L, fmt.Errorf("not within %s, in %s; at last: %s", o.Timeout, attempts(attempt), last))
		}
	}
}

func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}

// probe calls the function once, and returns what it failed of.
func (m *Module) probe(ctx context.Context, L *lua.LState, function lua.LValue) ([]lua.LValue, string) {
	outcome := convert.Protect(ctx, L, function)
	switch {
	case outcome.Failure != nil && (L.Context().Err() != nil || m.current.skippedBy(outcome)):
		outcome.Again()
	case outcome.Failure != nil:
		return nil, outcome.Failure.Error()
	case len(outcome.Results) > 0 && outcome.Results[0] == lua.LFalse:
		return nil, "it returned false"
	}
	return outcome.Results, ""
}

func (m *Module) sleep(L *lua.LState) int {
	pause(L.Context(), convert.CheckDuration(L, 1))
	m.stopped(L)
	return 0
}

// stopped raises if the run, or the case, has no time left.
func (m *Module) stopped(L *lua.LState) {
	if err := L.Context().Err(); err != nil {
		convert.Raise(L, err)
	}
}

// pause returns false if the context ends before the time has passed.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
