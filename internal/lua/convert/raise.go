/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package convert

import (
	lua "github.com/yuin/gopher-lua"
)

// assertionKey is where the registry of a VM keeps the last error value that was raised by an assertion.
const assertionKey = "topas.assertion"

// Raise ends the call with an error at the line of the script that called, as error(message) in Lua does. It doesn't return.
func Raise(L *lua.LState, err error) {
	L.RaiseError("%s", err.Error())
}

// RaiseAssertion ends the call as Raise does, and marks the error as an assertion that did not hold: a verdict on the
// system under test, not trouble with the script.
func RaiseAssertion(L *lua.LState, err error) {
	value := lua.LString(L.Where(1) + " " + err.Error())
	MarkAssertion(L, value)
	L.Error(value, 0)
}

// MarkAssertion marks an error value that is about to be raised as the one of an assertion.
func MarkAssertion(L *lua.LState, value lua.LValue) {
	L.G.Registry.RawSetString(assertionKey, value)
}

// IsAssertion tells whether an error value is the one that an assertion raised last. It also holds when a script has
// caught the value and raised it again.
func IsAssertion(L *lua.LState, value lua.LValue) bool {
	return value != lua.LNil && L.G.Registry.RawGetString(assertionKey) == value
}
