/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/convert"
)

// expectation is what test.expect and test.soft return: a value that the matchers look at.
type expectation struct {
	value lua.LValue
	label string
	// soft lets the script go on after a failure, and negated turns the matcher around.
	soft, negated bool
	// positive is the userdata of the expectation that .no was taken of, which a matcher returns.
	positive *lua.LUserData
}

// newMatchers makes the metatable of expectations.
func (m *Module) newMatchers(L *lua.LState) *lua.LTable {
	functions := map[string]*lua.LFunction{}
	for name, matcher := range matchers {
		functions[name] = L.NewFunction(func(L *lua.LState) int { return m.match(L, name, matcher) })
	}
	metatable := L.NewTable()
	metatable.RawSetString("__metatable", lua.LString("expectation"))
	metatable.RawSetString("__index", L.NewFunction(func(L *lua.LState) int {
		key := L.Get(2).String()
		if key == "no" {
			L.Push(negation(L.CheckUserData(1)))
			return 1
		}
		function, ok := functions[key]
		if !ok {
			known := slices.Sorted(maps.Keys(functions))
			if nearest := convert.Nearest(key, known); nearest != "" {
				L.RaiseError("expect has no matcher %q: did you mean %q?", key, nearest)
			}
			L.RaiseError("expect has no matcher %q: it has %s, and .no before them", key, strings.Join(known, ", "))
		}
		L.Push(function)
		return 1
	}))
	return metatable
}

func negation(ud *lua.LUserData) *lua.LUserData {
	e := *ud.Value.(*expectation)
	e.negated, e.positive = !e.negated, ud
	return &lua.LUserData{Value: &e, Metatable: ud.Metatable}
}

func (m *Module) expect(soft bool) lua.LGFunction {
	return func(L *lua.LState) int {
		e := &expectation{value: L.CheckAny(1), label: L.OptString(2, ""), soft: soft}
		if e.label == "" {
			e.label = argument(callerLine(L), map[bool]string{false: "expect", true: "soft"}[soft])
		}
		L.Push(&lua.LUserData{Value: e, Metatable: m.metatable})
		return 1
	}
}

// match runs a matcher, and reports what it found. It returns the expectation, for another one.
func (m *Module) match(L *lua.LState, name string, matcher matcher) int {
	ud, ok := L.Get(1).(*lua.LUserData)
	var e *expectation
	if ok {
		e, ok = ud.Value.(*expectation)
	}
	if !ok {
		L.RaiseError("%s is called with a colon: test.expect(value):%s(...)", name, name)
	}
	problem := matcher(L, m, e)
	if e.negated {
		problem = turned(L, name, problem)
		ud = e.positive
	}
	if problem != "" {
		m.missed(L, e, name, problem)
	}
	L.Push(ud)
	return 1
}

// turned is the problem of a matcher behind .no.
func turned(L *lua.LState, name, problem string) string {
	if problem != "" {
		return ""
	}
	if L.GetTop() < 2 {
		return "expected this not to hold"
	}
	return fmt.Sprintf("expected anything that %s %s does not hold for", name, show(L.Get(2)))
}

// missed fails the case: at once, or at its end if the expectation is soft.
func (m *Module) missed(L *lua.LState, e *expectation, name, problem string) {
	call, no := "expect", ""
	if e.soft {
		call = "soft"
	}
	if e.negated {
		no = ".no"
	}
	text := fmt.Sprintf("%s(%s)%s:%s\n  %s", call, e.label, no, name, strings.ReplaceAll(problem, "\n", "\n  "))
	if !e.soft || m.probing > 0 {
		convert.RaiseAssertion(L, errorText(text))
	}
	file, line := caller(L)
	m.softly(&convert.Failure{Kind: convert.Assertion, File: file, Line: line, Message: text})
}

// softly notes a failure after which the script goes on.
func (m *Module) softly(failure *convert.Failure) {
	m.current.failures = append(m.current.failures, failure)
	if m.current == m.root {
		m.failed(failure)
	}
}

// failed shows a failure of the script itself.
func (m *Module) failed(failure *convert.Failure) {
	m.write("FAIL\n" + indented(failure.Error()) + callers(failure))
	if m.first == nil {
		m.first = failure
	}
}

// caller is the line of the script that called.
func caller(L *lua.LState) (string, int) {
	debug, ok := L.GetStack(1)
	if !ok {
		return "", 0
	}
	if _, err := L.GetInfo("Sl", debug, lua.LNil); err != nil || debug.CurrentLine <= 0 {
		return "", 0
	}
	return debug.Source, debug.CurrentLine
}

func callerLine(L *lua.LState) string {
	file, line := caller(L)
	return convert.SourceLine(L, file, line)
}

// argument is the first argument of a call in a line of source, such as "resp.code" of "test.expect(resp.code):eq(200)":
// what a reader needs to know which value was wrong. It is "..." if that is not certain.
func argument(line, function string) string {
	const unknown = "..."
	_, rest, found := strings.Cut(line, function+"(")
	if !found || strings.Contains(rest, function+"(") {
		return unknown
	}
	depth, quote := 0, byte(0)
	for i := range len(rest) {
		c := rest[i]
		switch {
		case quote != 0:
			if c == quote && rest[i-1] != '\\' {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case depth == 0 && (c == ')' || c == ','):
			return strings.TrimSpace(rest[:i])
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		}
	}
	return unknown
}
