/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package test

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/convert"
)

// matcher looks at the value of an expectation and returns what is wrong with it, "" for nothing. Its arguments begin at 2.
type matcher func(L *lua.LState, m *Module, e *expectation) string

var matchers = map[string]matcher{
	"eq": func(L *lua.LState, _ *Module, e *expectation) string {
		return differences(L, expected(L), e.value, false)
	},
	"covers": func(L *lua.LState, _ *Module, e *expectation) string {
		return differences(L, expected(L), e.value, true)
	},
	"contains": contains,
	"matches":  matches,
	"ok":       isOK,
	"is_nil":   isNil,
	"type":     isType,
	"lt":       compares("less than", func(L *lua.LState, a, b lua.LValue) bool { return L.LessThan(a, b) }),
	"le":       compares("at most", func(L *lua.LState, a, b lua.LValue) bool { return !L.LessThan(b, a) }),
	"gt":       compares("greater than", func(L *lua.LState, a, b lua.LValue) bool { return L.LessThan(b, a) }),
	"ge":       compares("at least", func(L *lua.LState, a, b lua.LValue) bool { return !L.LessThan(a, b) }),
	"len":      hasLength,
	"raises":   raises,
}

// expected is the argument of a matcher, which may be nil but not be left out.
func expected(L *lua.LState) lua.LValue { return L.CheckAny(2) }

// contains looks for a part of a string, or an item of a list; an item that is a table needs to cover the expected one.
func contains(L *lua.LState, _ *Module, e *expectation) string {
	want := expected(L)
	switch value := e.value.(type) {
	case lua.LString:
		if part, ok := want.(lua.LString); !ok || !strings.Contains(string(value), string(part)) {
			return fmt.Sprintf("expected %s in it, got %s", show(want), show(value))
		}
		return ""
	case *lua.LTable:
		for i := 1; i <= value.Len(); i++ {
			if differences(L, want, value.RawGetInt(i), true) == "" {
				return ""
			}
		}
		return fmt.Sprintf("expected an item %s, got %s", show(want), show(value))
	}
	return fmt.Sprintf("expected a string or a list with %s in it, got %s", show(want), show(e.value))
}

// matches looks for a pattern of Lua.
func matches(L *lua.LState, m *Module, e *expectation) string {
	pattern := L.CheckString(2)
	text, ok := e.value.(lua.LString)
	if !ok {
		return fmt.Sprintf("expected a string that matches %q, got %s", pattern, show(e.value))
	}
	L.Push(m.find)
	L.Push(text)
	L.Push(lua.LString(pattern))
	L.Call(2, 1)
	defer L.Pop(1)
	if L.Get(-1) == lua.LNil {
		return fmt.Sprintf("expected a match of %q, got %s", pattern, show(text))
	}
	return ""
}

func isOK(_ *lua.LState, _ *Module, e *expectation) string {
	if lua.LVAsBool(e.value) && e.value != convert.Null {
		return ""
	}
	return "expected a value, got " + show(e.value)
}

func isNil(_ *lua.LState, _ *Module, e *expectation) string {
	if e.value == lua.LNil || e.value == convert.Null {
		return ""
	}
	return "expected nil, got " + show(e.value)
}

var typeNames = []string{"boolean", "function", "nil", "null", "number", "string", "table", "thread", "userdata"}

func isType(L *lua.LState, _ *Module, e *expectation) string {
	want, known := L.CheckString(2), false
	for _, name := range typeNames {
		known = known || name == want
	}
	if !known {
		L.ArgError(2, fmt.Sprintf("there is no type %q: types are %s", want, strings.Join(typeNames, ", ")))
	}
	got := e.value.Type().String()
	if e.value == convert.Null {
		got = "null"
	}
	if got != want {
		return fmt.Sprintf("expected a %s, got %s", want, show(e.value))
	}
	return ""
}

// compares compares numbers with numbers, and strings with strings.
func compares(words string, holds func(L *lua.LState, a, b lua.LValue) bool) matcher {
	return func(L *lua.LState, _ *Module, e *expectation) string {
		want := expected(L)
		kind := want.Type()
		if kind != lua.LTNumber && kind != lua.LTString {
			L.ArgError(2, "want a number or a string, got a "+kind.String())
		}
		if e.value.Type() != kind || !holds(L, e.value, want) {
			return fmt.Sprintf("expected %s %s, got %s", words, show(want), show(e.value))
		}
		return ""
	}
}

// hasLength counts the bytes of a string, or the items or fields of a table.
func hasLength(L *lua.LState, _ *Module, e *expectation) string {
	want, got := L.CheckInt(2), 0
	switch value := e.value.(type) {
	case lua.LString:
		got = len(value)
	case *lua.LTable:
		value.ForEach(func(_, _ lua.LValue) { got++ })
	default:
		return fmt.Sprintf("expected something of length %d, got %s", want, show(e.value))
	}
	if got != want {
		return fmt.Sprintf("expected length %d, got length %d: %s", want, got, show(e.value))
	}
	return ""
}

// raises calls the value, which must raise an error, with a text in it if one is given.
func raises(L *lua.LState, m *Module, e *expectation) string {
	part := L.OptString(2, "")
	if e.value.Type() != lua.LTFunction {
		return "expected a function, got " + show(e.value)
	}
	outcome := convert.Protect(L.Context(), L, e.value)
	if outcome.Failure == nil {
		return "expected an error, got none"
	}
	if L.Context().Err() != nil || m.current.skippedBy(outcome) {
		outcome.Again()
	}
	if !strings.Contains(outcome.Failure.Message, part) {
		return fmt.Sprintf("expected an error with %q in it, got %q", part, outcome.Failure.Message)
	}
	return ""
}
