/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package vm

import (
	lua "github.com/yuin/gopher-lua"
)

// openCoroutine puts a bound on nested coroutines around gopher-lua's own functions, refuses what would corrupt its
// state, and keeps the place where an error came from.
func (vm *VM) openCoroutine(library *lua.LTable) {
	create := library.RawGetString("create").(*lua.LFunction).GFunction
	resume := library.RawGetString("resume").(*lua.LFunction).GFunction
	wrap := library.RawGetString("wrap").(*lua.LFunction).GFunction
	vm.replace(library, map[string]lua.LGFunction{
		"create": func(L *lua.LState) int { return independent(L, create) },
		"resume": func(L *lua.LState) int {
			thread := L.CheckThread(1)
			if vm.active(L, thread) {
				return push(L, lua.LFalse, lua.LString("cannot resume non-suspended coroutine"))
			}
			return vm.resume(L, thread, resume)
		},
		"running": running,
		"wrap":    func(L *lua.LState) int { return vm.wrap(L, wrap) },
	})
}

// independent makes a coroutine whose context is the run's, see newThread.
func independent(L *lua.LState, create lua.LGFunction) int {
	ctx := L.RemoveContext()
	defer L.SetContext(ctx)
	pushed := create(L)
	thread := L.Get(-1)
	if function, ok := thread.(*lua.LFunction); ok {
		thread = function.Upvalues[0].Value()
	}
	thread.(*lua.LState).SetContext(ctx)
	return pushed
}

// active tells whether a coroutine runs, or waits for one that it has resumed or called.
func (vm *VM) active(L, thread *lua.LState) bool {
	for ; L != nil; L = vm.callerOf(L) {
		if L == thread {
			return true
		}
	}
	return false
}

// resume runs a coroutine until it yields, ends or fails.
func (vm *VM) resume(L, thread *lua.LState, resume lua.LGFunction) int {
	if vm.nesting() >= maxNesting {
		L.RaiseError("stack overflow (coroutines are nested too deep)")
	}
	// It may have been made by a test case whose time was up long ago, or before one that has a timeout of its own.
	thread.SetContext(L.Context())
	vm.resumed++
	current := L.G.CurrentThread
	defer func() {
		vm.resumed--
		L.G.CurrentThread = current
		if caught := recover(); caught != nil {
			vm.failedInside(thread, caught)
			panic(caught)
		}
	}()
	return resume(L)
}

// failedInside keeps where an error came from that passes through a wrapped coroutine, whose caller would be shown
// otherwise, and ends the coroutine, which could be resumed behind the error otherwise.
func (vm *VM) failedInside(thread *lua.LState, caught any) {
	if thread.Dead {
		return
	}
	thread.Dead = true
	if vm.origin == nil {
		vm.origin = vm.describe(thread, valueOf(vm, thread, caught))
	}
}

func (vm *VM) wrap(L *lua.LState, wrap lua.LGFunction) int {
	independent(L, wrap)
	function := L.Get(-1).(*lua.LFunction)
	L.Pop(1)
	// The function finds its coroutine as the first upvalue of whatever closure runs it.
	thread := function.Upvalues[0].Value().(*lua.LState)
	return push(L, L.NewClosure(func(L *lua.LState) int {
		if vm.active(L, thread) {
			L.RaiseError("cannot resume non-suspended coroutine")
		}
		return vm.resume(L, thread, function.GFunction)
	}, thread))
}

// running is the coroutine that runs, nil for the script itself.
func running(L *lua.LState) int {
	if L.G.CurrentThread == L.G.MainThread {
		return push(L, lua.LNil)
	}
	return push(L, L.G.CurrentThread)
}
