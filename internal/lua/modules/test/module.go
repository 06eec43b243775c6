/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package test is the Lua module "test": cases, cleanups, parameters and secrets.
package test

import (
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/convert"
)

// State is what a case ended as.
type State string

// The states of a case.
const (
	Passed  State = "Passed"
	Failed  State = "Failed"
	Skipped State = "Skipped"
)

// Case is a test case that has ended.
type Case struct {
	// Name holds the names of the cases around it before its own, joined by "/".
	Name  string
	State State
	// Message is what it failed of, with file and line, or why it was skipped.
	Message  string
	Duration time.Duration

	// first is what a failed case failed of in the first place.
	first *convert.Failure
}

// Recorder takes the cases as they end, and what is attached to them.
type Recorder interface {
	Record(c Case)
	Attach(a Attachment)
}

// Config says what a Module works with. All fields but Params are needed.
type Config struct {
	Recorder Recorder
	// Output is the log of the test.
	Output io.Writer
	// Params are the parameters of the run.
	Params map[string]string
	// Secret returns the value of a Secret's key by the name that the script gives.
	Secret func(name string) (string, error)
}

// Module is the module of one VM.
type Module struct {
	config Config
	// root stands for the script itself, and current for the case that runs.
	root, current *frame
	// first is the failure that comes before all others.
	first *convert.Failure
	// last is the last request of the script, before it cleaned up.
	last string
	// probing is how many calls of eventually are going on inside of each other.
	probing int
	// attached is how many bytes were.
	attached int

	// format and find are Lua's string.format and string.find, and metatable is that of expectations.
	format, find lua.LValue
	metatable    *lua.LTable
}

// New returns a module.
func New(c Config) *Module {
	root := &frame{}
	return &Module{config: c, root: root, current: root}
}

// Loader is the module's loader for require:
//
//	test.case(name, [opts,] fn) --> true, false, or nil for a case that was skipped
//	-- opts: tags, timeout, retries, skip = bool|reason, required, each = {row, ...}; fn(row, i)
//	test.defer(fn, ...)                 -- is called at the end of the case, or of the script; the last one first
//	test.skip([reason])  test.fail(format, ...)
//	test.eventually(fn [, "30s" | { timeout, interval }]) --> what fn returns
//	test.expect(value [, label])  test.soft(value [, label])
//	-- :eq :covers :contains :matches :ok :is_nil :type :lt :le :gt :ge :len :raises; .no negates
//	test.param(name [, default])  test.secret("name/key")
//	test.attach(name, data [, { type }])  test.log.debug|info|warn|error(format, ...)  test.sleep("2s")
func (m *Module) Loader(L *lua.LState) int {
	text := L.GetGlobal("string")
	m.format, m.find = L.GetField(text, "format"), L.GetField(text, "find")
	m.metatable = m.newMatchers(L)
	table := L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"attach":     m.attach,
		"case":       m.testCase,
		"defer":      m.deferCall,
		"eventually": m.eventually,
		"expect":     m.expect(false),
		"fail":       m.fail,
		"param":      m.param,
		"secret":     m.secret,
		"skip":       m.skip,
		"sleep":      m.sleep,
		"soft":       m.expect(true),
	})
	table.RawSetString("log", m.logFunctions(L))
	L.Push(table)
	return 1
}

// Failure is the first failure of a case, or of the script where it went on; nil if there is none.
func (m *Module) Failure() *convert.Failure { return m.first }

// LastRequest is a line about the last request of the script, "" if it made none. It is known after Finish.
func (m *Module) LastRequest() string { return m.last }

// Skipped tells whether the script ended by test.skip outside of a case, given how it ended.
func (m *Module) Skipped(ended *convert.Failure) bool {
	return m.root.skip != nil && ended.Message == skipped(*m.root.skip)
}

func (m *Module) fail(L *lua.LState) int {
	convert.RaiseAssertion(L, errorText(m.formatted(L, 1)))
	return 0
}

// errorText is an error that is only its text.
type errorText string

func (e errorText) Error() string { return string(e) }

// formatted is string.format of the arguments from n on; a text alone is taken as it is.
func (m *Module) formatted(L *lua.LState, n int) string {
	if L.GetTop() <= n {
		return L.CheckString(n)
	}
	top := L.GetTop()
	L.Push(m.format)
	for i := n; i <= top; i++ {
		L.Push(L.Get(i))
	}
	L.Call(top-n+1, 1)
	defer L.Pop(1)
	return L.Get(-1).String()
}

func (m *Module) param(L *lua.LState) int {
	name := L.CheckString(1)
	if value, ok := m.config.Params[name]; ok {
		L.Push(lua.LString(value))
		return 1
	}
	if L.GetTop() < 2 {
		L.RaiseError("parameter %q is not given, and has no default: %s", name, m.knownParams(name))
	}
	L.Push(L.Get(2))
	return 1
}

func (m *Module) knownParams(name string) string {
	known := slices.Sorted(maps.Keys(m.config.Params))
	if len(known) == 0 {
		return "the run has no parameters"
	}
	if nearest := convert.Nearest(name, known); nearest != "" {
		return `did you mean "` + nearest + `"?`
	}
	return "the run has " + strings.Join(known, ", ")
}

func (m *Module) secret(L *lua.LState) int {
	value, err := m.config.Secret(L.CheckString(1))
	if err != nil {
		convert.Raise(L, err)
	}
	L.Push(lua.LString(value))
	return 1
}
