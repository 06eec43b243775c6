/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package test

import (
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/convert"
)

func (m *Module) deferCall(L *lua.LState) int {
	deferred := call{function: L.CheckFunction(1)}
	for i := 2; i <= L.GetTop(); i++ {
		deferred.args = append(deferred.args, L.Get(i))
	}
	m.current.deferred = append(m.current.deferred, deferred)
	return 0
}

// Defer has other modules clean up: the function is called at the end of the case that runs, or of the script.
func (m *Module) Defer(function lua.LValue) {
	m.current.deferred = append(m.current.deferred, call{function: function})
}

// cleanUp calls what was deferred in a case. When the time of what is around the case is over, or the run was canceled,
// that is left to what is around it: in the end to Finish, which has time for it.
func (m *Module) cleanUp(L *lua.LState, f *frame) {
	for len(f.deferred) > 0 {
		if L.Context().Err() != nil {
			f.parent.deferred = append(f.parent.deferred, f.deferred...)
			return
		}
		m.callLast(L, f)
	}
}

// callLast calls what was deferred last. If it fails, so does the case.
func (m *Module) callLast(L *lua.LState, f *frame) {
	last := len(f.deferred) - 1
	deferred := f.deferred[last]
	f.deferred = f.deferred[:last]
	outcome := convert.Protect(L.Context(), L, deferred.function, deferred.args...)
	if outcome.Failure == nil {
		return
	}
	failure := *outcome.Failure
	failure.Message = "cleanup: " + failure.Message
	f.failures = append(f.failures, &failure)
	if f == m.root {
		m.failed(&failure)
	}
}

// Finish is called by the runner when the script is over, however it ended, and calls what the script itself deferred.
func (m *Module) Finish(L *lua.LState) int {
	m.current, m.last = m.root, convert.LastRequest(L)
	for len(m.root.deferred) > 0 && L.Context().Err() == nil {
		m.callLast(L, m.root)
	}
	if left := len(m.root.deferred); left > 0 {
		m.write(fmt.Sprintf("%d of the deferred functions were not called: the time for cleaning up is over\n", left))
	}
	return 0
}
