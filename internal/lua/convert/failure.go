/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package convert

import (
	"context"
	"fmt"

	lua "github.com/yuin/gopher-lua"
)

// Kind is what a script, or a function of it, failed of.
type Kind string

const (
	// Compile means that the script, or a file that it requires, is not valid Lua.
	Compile Kind = "Compile"
	// Assertion means that assert, or a module's own assertion, did not hold.
	Assertion Kind = "Assertion"
	// Raised means that the script, a library or a module raised an error.
	Raised Kind = "Raised"
	// Timeout means that a timeout, or the context's deadline, passed.
	Timeout Kind = "Timeout"
	// Canceled means that the context was canceled.
	Canceled Kind = "Canceled"
)

// Failure is how a script, or a function of it, ended that did not succeed.
type Failure struct {
	Kind Kind
	// File and Line are where the error was raised: the innermost line of Lua, or what the message itself named.
	// File is "" and Line 0 if no Lua was running.
	File string
	Line int
	// Message says what happened, without the position.
	Message string
	// Traceback lists the calls that led there, innermost first, a line each. It is "" for a Compile error of the script.
	Traceback string
}

// Error is the position and the message, such as "upgrade_test.lua:12: assertion failed!".
func (f *Failure) Error() string {
	if f.File == "" {
		return f.Message
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Message)
}

// Outcome is what became of a function that was called by Protect.
type Outcome struct {
	// Results are what the function returned.
	Results []lua.LValue
	// Failure is nil if the function returned.
	Failure *Failure
	// Value is the error value.
	Value lua.LValue
	// Again raises the error once more, as if it had not been caught. It doesn't return.
	Again func()
}

// Protector calls a function and catches what it raises. While the function runs, its context is ctx, which is derived
// from that of L. A module that finds the context of L ended afterwards has to raise the error again: a script can't
// catch that.
type Protector func(ctx context.Context, L *lua.LState, function lua.LValue, args []lua.LValue) Outcome

// Where the registry of a VM keeps its Protector, its function for SourceLine, and the last request.
const (
	protectorKey = "topas.protector"
	sourceKey    = "topas.source"
	requestKey   = "topas.request"
)

// SetProtector is called by the VM that has the state.
func SetProtector(L *lua.LState, p Protector) {
	L.G.Registry.RawSetString(protectorKey, &lua.LUserData{Value: p, Metatable: lua.LNil})
}

// Protect calls a function by the Protector of the VM. Modules use nothing else to catch errors, see the VM for why.
func Protect(ctx context.Context, L *lua.LState, function lua.LValue, args ...lua.LValue) Outcome {
	protector := L.G.Registry.RawGetString(protectorKey).(*lua.LUserData).Value.(Protector)
	return protector(ctx, L, function, args)
}

// SetSource is called by the VM that has the state: with a function that returns a line of a file that was loaded.
func SetSource(L *lua.LState, line func(file string, line int) string) {
	L.G.Registry.RawSetString(sourceKey, &lua.LUserData{Value: line, Metatable: lua.LNil})
}

// SourceLine returns a line of the script or a file that it requires, "" if there is no such line.
func SourceLine(L *lua.LState, file string, line int) string {
	return L.G.Registry.RawGetString(sourceKey).(*lua.LUserData).Value.(func(string, int) string)(file, line)
}

// NoteRequest keeps a line about the last request of the script, for what fails after it.
func NoteRequest(L *lua.LState, text string) {
	L.G.Registry.RawSetString(requestKey, lua.LString(text))
}

// LastRequest returns what was noted last, "" for nothing.
func LastRequest(L *lua.LState) string {
	return lua.LVAsString(L.G.Registry.RawGetString(requestKey))
}
