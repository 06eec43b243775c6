/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package convert is the one place where values pass between Lua and Go, and where a module raises an error.
//
//	Lua                          Go (ToGo)           Go (ToLua takes also)
//	nil                          nil
//	convert.Null                 nil                 nil inside of a list or map
//	boolean                      bool
//	number without a fraction    int64               every int and uint type, json.Number
//	other number                 float64             float32
//	string                       string              []byte, time.Time (RFC 3339)
//	{1, 2, 3}                    []any               any slice
//	{name = 1}, {}               map[string]any      any map with string keys
//
// Lua numbers are doubles: an integer beyond ±2^53 would change silently, so ToLua hands it over as a string of its
// digits, and ToGo hands a number beyond that range over as float64.
package convert

import (
	lua "github.com/yuin/gopher-lua"
)

// maxSafeInteger is the greatest integer up to which a double holds every one exactly.
const maxSafeInteger = 1 << 53

// maxDepth bounds how deep tables may be nested: conversion is recursive, and Go can't recover from running out of stack.
const maxDepth = 200

// Null stands for SQL NULL and JSON null inside of tables, where Lua's nil would remove the field. Scripts know it as
// db.NULL. It is equal only to itself and prints as "null".
//
// It holds no state and scripts can't reach its metatable, so that all VMs share it.
var Null lua.LValue = newNull()

func newNull() *lua.LUserData {
	metatable := &lua.LTable{Metatable: lua.LNil}
	metatable.RawSetString("__metatable", lua.LString("null"))
	metatable.RawSetString("__tostring", &lua.LFunction{
		IsG: true,
		Env: &lua.LTable{Metatable: lua.LNil},
		GFunction: func(L *lua.LState) int {
			L.Push(lua.LString("null"))
			return 1
		},
	})
	return &lua.LUserData{Metatable: metatable}
}
