/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package vm

import (
	"context"
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/convert"
)

// maxNesting bounds how deep protected calls and coroutines run inside of each other. Each has a call stack of its
// own, so that callStackSize does not bound them, and Go can't recover from running out of its stack.
const maxNesting = 190

// failure is an error that was raised in a protected call.
type failure struct {
	// value is the error value, as pcall returns it.
	value     lua.LValue
	at        position
	traceback string
	// inside is the module's function that raised it, such as "net.get"; "" if it was something else.
	inside string
	// contextErr is set if the context had ended by then, and cause if something is known of why.
	contextErr, cause error
}

// call runs a function on a coroutine of its own and catches what it raises.
//
// gopher-lua's own protected call can't be used: after an error it leaves the caller's captured local variables
// detached from the closures that share them. On a coroutine of its own, only the failed function's are.
func (vm *VM) call(L *lua.LState, function lua.LValue, args ...lua.LValue) (results []lua.LValue, failed *failure) {
	return vm.callWithin(L.Context(), L, function, args)
}

// callWithin is call with another context.
func (vm *VM) callWithin(ctx context.Context, L *lua.LState, function lua.LValue, args []lua.LValue) (results []lua.LValue, failed *failure) {
	if vm.nesting() >= maxNesting {
		return nil, vm.describe(L, lua.LString("stack overflow (protected calls are nested too deep)"))
	}
	thread := vm.takeThread(L)
	thread.SetContext(ctx)
	vm.calls[thread] = L
	current := L.G.CurrentThread
	defer func() {
		if caught := recover(); caught != nil {
			failed = vm.caught(thread, caught)
		}
		L.G.CurrentThread = current
		delete(vm.calls, thread)
	}()

	thread.Push(function)
	for _, arg := range args {
		thread.Push(arg)
	}
	thread.Call(len(args), lua.MultRet)
	for i := 1; i <= thread.GetTop(); i++ {
		results = append(results, thread.Get(i))
	}
	thread.SetTop(0)
	vm.free = append(vm.free, thread)
	return results, nil
}

// takeThread returns a coroutine for a protected call: one whose call succeeded, which left nothing behind, or a new
// one. Scripts never get hold of these.
func (vm *VM) takeThread(L *lua.LState) *lua.LState {
	last := len(vm.free) - 1
	if last < 0 {
		return newThread(L)
	}
	thread := vm.free[last]
	vm.free = vm.free[:last]
	return thread
}

// protect is the VM's convert.Protector.
func (vm *VM) protect(ctx context.Context, L *lua.LState, function lua.LValue, args []lua.LValue) convert.Outcome {
	results, failed := vm.callWithin(ctx, L, function, args)
	if failed == nil {
		return convert.Outcome{Results: results}
	}
	outcome := convert.Outcome{Failure: vm.errorOf(failed), Value: failed.value, Again: func() {
		vm.origin = failed
		L.Error(failed.value, 0)
	}}
	if L.Context().Err() == nil {
		vm.interrupted = nil
	}
	return outcome
}

func (vm *VM) nesting() int {
	return len(vm.calls) + vm.resumed
}

// newThread makes a coroutine that stops with the run. NewThread alone would tie its life to the coroutine that
// makes it, and keep a context for each until the run ends.
func newThread(L *lua.LState) *lua.LState {
	ctx := L.RemoveContext()
	thread, _ := L.NewThread()
	L.SetContext(ctx)
	thread.SetContext(ctx)
	return thread
}

// caught makes a failure of what was recovered while the stack of the coroutine is still as it was at the raise.
func (vm *VM) caught(thread *lua.LState, recovered any) *failure {
	value := valueOf(vm, thread, recovered)
	origin := vm.origin
	vm.origin = nil
	if origin != nil && origin.value == value {
		return origin
	}
	return vm.describe(thread, value)
}

// describe notes where a coroutine is.
func (vm *VM) describe(thread *lua.LState, value lua.LValue) *failure {
	failed := &failure{value: value, at: vm.positionOf(thread), inside: vm.runningFunction(thread)}
	failed.traceback = vm.tracebackOf(thread)
	if ctx := thread.Context(); ctx != nil && ctx.Err() != nil {
		failed.contextErr = ctx.Err()
		if cause := context.Cause(ctx); !errors.Is(cause, failed.contextErr) {
			failed.cause = cause
		}
		if vm.interrupted == nil {
			vm.interrupted = failed
		}
	}
	return failed
}

// valueOf is the error value of what was recovered. A Go panic, be it in a module or in the interpreter, ends the
// script and not the process.
func valueOf(vm *VM, thread *lua.LState, recovered any) lua.LValue {
	if raised, ok := recovered.(*lua.ApiError); ok {
		return raised.Object
	}
	// The interpreter itself panics so when callStackSize is used up.
	if recovered == "lua callstack overflow" {
		return lua.LString("stack overflow (functions call each other too deep)")
	}
	where := vm.runningFunction(thread)
	if where == "" {
		where = "the interpreter"
	}
	return lua.LString(fmt.Sprintf("%s broke down, which is a fault of TOPAS: panic: %v", where, recovered))
}

// callable tells whether a value can be called, as pcall answers in place of the function if it can't.
func callable(L *lua.LState, value lua.LValue) bool {
	return value.Type() == lua.LTFunction || L.GetMetaField(value, "__call").Type() == lua.LTFunction
}

func (vm *VM) pcall(L *lua.LState) int {
	function := L.CheckAny(1)
	if !callable(L, function) {
		return push(L, lua.LFalse, lua.LString("attempt to call a "+function.Type().String()+" value"))
	}
	results, failed := vm.call(L, function, arguments(L, 2)...)
	if failed != nil {
		passInterruption(L, failed)
		return push(L, lua.LFalse, failed.value)
	}
	return push(L, append([]lua.LValue{lua.LTrue}, results...)...)
}

// xpcall calls the handler after the stack was unwound; without a debug library a handler can't tell.
func (vm *VM) xpcall(L *lua.LState) int {
	function, handler := L.CheckAny(1), L.CheckFunction(2)
	var failed *failure
	var results []lua.LValue
	if callable(L, function) {
		results, failed = vm.call(L, function, arguments(L, 3)...)
	} else {
		failed = &failure{value: lua.LString("attempt to call a " + function.Type().String() + " value")}
	}
	if failed == nil {
		return push(L, append([]lua.LValue{lua.LTrue}, results...)...)
	}
	passInterruption(L, failed)

	handled, failedAgain := vm.call(L, handler, failed.value)
	if failedAgain != nil {
		passInterruption(L, failedAgain)
		return push(L, lua.LFalse, failedAgain.value)
	}
	return push(L, append([]lua.LValue{lua.LFalse}, handled...)...)
}

// passInterruption raises an error again that the end of the context caused: a script can't catch that.
func passInterruption(L *lua.LState, failed *failure) {
	if failed.contextErr != nil {
		L.Error(failed.value, 0)
	}
}

func arguments(L *lua.LState, from int) []lua.LValue {
	var args []lua.LValue
	for i := from; i <= L.GetTop(); i++ {
		args = append(args, L.Get(i))
	}
	return args
}

func push(L *lua.LState, values ...lua.LValue) int {
	for _, value := range values {
		L.Push(value)
	}
	return len(values)
}
