/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/convert"
)

// files are the files of a test by name.
type files map[string]string

func (f files) ReadFile(name string) ([]byte, error) {
	content, ok := f[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(content), nil
}

// demo is a module that does what modules do wrong and right.
func demo(L *lua.LState) int {
	L.Push(L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"double": func(L *lua.LState) int { L.Push(L.CheckNumber(1) * 2); return 1 },
		"fail":   func(L *lua.LState) int { convert.Raise(L, errors.New("50% of it failed")); return 0 },
		"expect": func(L *lua.LState) int { convert.RaiseAssertion(L, errors.New("no such row")); return 0 },
		"panic":  func(*lua.LState) int { panic("out of order") },
		"wait": func(L *lua.LState) int {
			<-L.Context().Done()
			convert.Raise(L, fmt.Errorf("GET http://web: %w", L.Context().Err()))
			return 0
		},
	}))
	return 1
}

// run runs a script in a VM of its own and returns what it printed.
func run(ctx context.Context, t testing.TB, required files, script string) (string, error) {
	t.Helper()
	var output bytes.Buffer
	vm := New(Config{Modules: map[string]lua.LGFunction{"demo": demo}, Files: required, Output: &output})
	defer vm.Close()
	err := vm.Run(ctx, "test.lua", []byte(script))
	return output.String(), err
}

func TestRunPrints(t *testing.T) {
	cases := []struct {
		reason   string
		script   string
		required files
		want     string
	}{
		{reason: "values are shown as Lua shows them", script: `print("a", 1, nil, true)`, want: "a\t1\tnil\ttrue\n"},
		{reason: "a module is loaded once", script: `print(require("demo") == require("demo"), require("demo").double(21))`, want: "true\t42\n"},
		{
			reason: "a file is found by its dotted and by its slashed name, and is loaded once", script: `
				local a, b, c = require("helpers.users"), require("helpers/users"), require("helpers/users.lua")
				print(a == b, b == c, a.name)`,
			required: files{"helpers/users.lua": `print("loading", ...) return {name = "alice"}`},
			want:     "loading\thelpers.users\ntrue\ttrue\talice\n",
		},
		{reason: "a folder is found by its init.lua", script: `print(require("helpers"))`, required: files{"helpers/init.lua": `return 7`}, want: "7\n"},
		{reason: "a file without a value is true", script: `print(require("empty"))`, required: files{"empty.lua": ``}, want: "true\n"},
		{reason: "a first line for the shell is passed over", script: "#!/usr/bin/env lua\nprint(1)", want: "1\n"},
		{reason: "what reaches the machine is not there", script: `
			print(io, debug, package, dofile, loadfile, channel, newproxy, module)
			print(os.execute, os.exit, os.remove, os.getenv("PATH"), os.tmpname, os.rename, os.setenv)`,
			want: "nil\tnil\tnil\tnil\tnil\tnil\tnil\tnil\nnil\tnil\tnil\tnil\tnil\tnil\tnil\n"},
		{reason: "what is harmless is there", script: `
			print(type(os.time()), type(os.clock()), type(os.date()), os.difftime(3, 1), math.floor(1.5), ("x"):rep(3),
				table.concat({1, 2, 3}, ","), collectgarbage("count"))`,
			want: "number\tnumber\tstring\t2\t1\txxx\t1,2,3\t0\n"},
		{reason: "load and loadstring compile", script: `
			local pieces = {"return ", "1 + 1"}
			print(load(function() return table.remove(pieces, 1) end)(), loadstring("return 3")())
			print(loadstring("x ="))`,
			want: "2\t3\nnil\t[string \"x =\"]:1: syntax error near the end of the file\n"},
		{reason: "assert gives its arguments back", script: `print(select("#", assert(true, nil)), assert(1, "two", 3))`, want: "2\t1\ttwo\t3\n"},
		{reason: "null prints as such and can't be changed", script: `
			local ok, value = pcall(setmetatable, require("demo").null or {}, {}) print(ok, getmetatable("").__index == string)`,
			want: "true\ttrue\n"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			got, err := run(t.Context(), t, c.required, c.script)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

// constants are n different numbers, each with a comma behind it.
func constants(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "%d,", i)
	}
	return text.String()
}

func TestRunErrors(t *testing.T) {
	cases := []struct {
		reason   string
		script   string
		required files
		want     Error
	}{
		{"stock assert has no position of its own", "local x = 2\nassert(x == 1)", nil,
			Error{Kind: Assertion, File: "test.lua", Line: 2, Message: "assertion failed!"}},
		{"assert keeps its message", "\n\nassert(false, 'no user')", nil,
			Error{Kind: Assertion, File: "test.lua", Line: 3, Message: "no user"}},
		{"assert(f()) blames the line of the assert", "local function f() return nil, 'closed' end\nassert(f())", nil,
			Error{Kind: Assertion, File: "test.lua", Line: 2, Message: "closed"}},
		{"assert raises tables", "assert(nil, {code = 7})", nil,
			Error{Kind: Assertion, File: "test.lua", Line: 1, Message: `{"code":7}`}},
		{"an assertion in a function of a file", "require('lib').check(1)",
			files{"lib.lua": "return {check = function(x)\n assert(x == 2)\nend}"},
			Error{Kind: Assertion, File: "lib.lua", Line: 2, Message: "assertion failed!"}},
		{"an assertion that was caught and raised again stays one",
			"local ok, e = pcall(function() assert(false, 'x') end)\nerror(e, 0)", nil,
			Error{Kind: Assertion, File: "test.lua", Line: 2, Message: "x"}},
		{"an assertion in a wrapped coroutine", "local f = coroutine.wrap(function()\n assert(false)\nend)\nf()", nil,
			Error{Kind: Assertion, File: "test.lua", Line: 2, Message: "assertion failed!"}},
		{"an assertion of a module", "\nrequire('demo').expect()", nil,
			Error{Kind: Assertion, File: "test.lua", Line: 2, Message: "no such row"}},
		{"an error does not repeat its position", "\nerror('broken')", nil,
			Error{Kind: Raised, File: "test.lua", Line: 2, Message: "broken"}},
		{"an error that blames the caller", "local function f()\n error('bad argument', 2)\nend\nf()", nil,
			Error{Kind: Raised, File: "test.lua", Line: 4, Message: "bad argument"}},
		{"an error without a position keeps its text", "error('x:1: y', 0)", nil,
			Error{Kind: Raised, File: "test.lua", Line: 1, Message: "x:1: y"}},
		{"an error in loaded code", "\nloadstring('error(\"a:b\")')()", nil,
			Error{Kind: Raised, File: `[string "error("a:b")"]`, Line: 1, Message: "a:b"}},
		{"a table as error", "error({code = 1, fields = {'a', 'b'}})", nil,
			Error{Kind: Raised, File: "test.lua", Line: 1, Message: `{"code":1,"fields":["a","b"]}`}},
		{"a table as error that can't be shown", "error({f = print})", nil,
			Error{Kind: Raised, File: "test.lua", Line: 1, Message: "an error value of type table (f: a function can't be used as a value)"}},
		{"nil as error", "error()", nil, Error{Kind: Raised, File: "test.lua", Line: 1, Message: "nil"}},
		{"an operation on the wrong type", "local t\n\nt.x = 1", nil,
			Error{Kind: Raised, File: "test.lua", Line: 3, Message: "attempt to index a non-table object(nil) with key 'x'"}},
		{"a module's error keeps its text", "\nrequire('demo').fail()", nil,
			Error{Kind: Raised, File: "test.lua", Line: 2, Message: "50% of it failed"}},
		{"a module's error below a protected call names the script's line", "local ok, e = pcall(require('demo').fail)\n\nerror(e, 0)", nil,
			Error{Kind: Raised, File: "test.lua", Line: 3, Message: "50% of it failed"}},
		{"a module's panic", "\nrequire('demo').panic()", nil,
			Error{Kind: Raised, File: "test.lua", Line: 2, Message: "demo.panic broke down, which is a fault of TOPAS: panic: out of order"}},
		{"a syntax error", "local x = 1\nif x = 2 then end", nil,
			Error{Kind: Compile, File: "test.lua", Line: 2, Message: "syntax error near '='"}},
		{"a missing end", "if x then\n  print(1)\n", nil,
			Error{Kind: Compile, File: "test.lua", Line: 2, Message: "syntax error near the end of the file"}},
		{"a break outside of a loop", "\nbreak", nil,
			Error{Kind: Compile, File: "test.lua", Line: 2, Message: "no loop to break"}},
		{"a syntax error in a file", "\nrequire('lib')", files{"lib.lua": "\nx ="},
			Error{Kind: Compile, File: "lib.lua", Line: 2, Message: "syntax error near the end of the file"}},
		{"a missing module", "require('helper')", files{},
			Error{Kind: Raised, File: "test.lua", Line: 1, Message: `module "helper" not found: it is none of the modules demo, and there is no file helper.lua or helper/init.lua`}},
		{"a module name that leaves the folder", "require('../secret')", files{},
			Error{Kind: Raised, File: "test.lua", Line: 1, Message: `module "../secret" not found: a module is named by letters, digits, "_" and "-", with "." or "/" between folders`}},
		{"files that require each other", "require('a')", files{"a.lua": "require('b')", "b.lua": "\nrequire('a')"},
			Error{Kind: Raised, File: "b.lua", Line: 2, Message: `module "a" requires itself: a -> b -> a`}},
		{"a result that is too long", "string.rep('x', 1e9)", nil,
			Error{Kind: Raised, File: "test.lua", Line: 1, Message: "string.rep: the result would have more than 16777216 bytes"}},
		{"a joined result that is too long", "local s = ('x'):rep(1e7)\ntable.concat({s, s})", nil,
			Error{Kind: Raised, File: "test.lua", Line: 2, Message: "table.concat: the result would have more than 16777216 bytes"}},
		{"too much source", "--" + strings.Repeat("x", 256*1024), nil,
			Error{Kind: Compile, File: "test.lua", Line: 1, Message: "the source has 262146 bytes, more than the 262144 that are allowed: move data into files of its own"}},
		{"source that is nested too deep", "\nreturn " + strings.Repeat("not ", 60000) + "1", nil,
			Error{Kind: Compile, File: "test.lua", Line: 2, Message: "code is nested deeper than 1000 levels"}},
		{"too many constants", "local t = {\n" + constants(10001) + "}", nil,
			Error{Kind: Compile, File: "test.lua", Line: 2, Message: "there are more than 10000 different names, strings and numbers: move data into files of its own"}},
		{"loaded source that is nested too deep", "assert(loadstring('return ' .. ('#'):rep(2e5) .. 'x', 'bomb'))", nil,
			Error{Kind: Assertion, File: "test.lua", Line: 1, Message: "bomb:1: code is nested deeper than 1000 levels"}},
		{"loaded source without an end", "assert(load(function() return ('x'):rep(1e5) end, 'endless'))", nil,
			Error{Kind: Assertion, File: "test.lua", Line: 1, Message: "endless:1: the source has 300000 bytes, more than the 262144 that are allowed: move data into files of its own"}},
		{"recursion without an end", "local function f() return 1 + f() end\nf()", nil,
			Error{Kind: Raised, File: "test.lua", Line: 1, Message: "stack overflow (functions call each other too deep)"}},
		{"protected calls without an end", "local function f()\n local ok, e = pcall(f) error(e, 0)\nend\nf()", nil,
			Error{Kind: Raised, File: "test.lua", Line: 2, Message: "stack overflow (protected calls are nested too deep)"}},
		{"coroutines without an end", "local function f() coroutine.wrap(f)() end\nf()", nil,
			Error{Kind: Raised, File: "test.lua", Line: 1, Message: "stack overflow (coroutines are nested too deep)"}},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			_, err := run(t.Context(), t, c.required, c.script)
			var got *Error
			if !errors.As(err, &got) {
				t.Fatalf("Run gave %v, want an *Error", err)
			}
			if diff := cmp.Diff(&c.want, got, cmpopts.IgnoreFields(Error{}, "Traceback")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			want := fmt.Sprintf("%s:%d: %s", c.want.File, c.want.Line, c.want.Message)
			if got.Error() != want {
				t.Errorf("Error() = %q, want %q", got.Error(), want)
			}
		})
	}
}

func TestTraceback(t *testing.T) {
	_, err := run(t.Context(), t, files{"lib.lua": "local lib = {}\nfunction lib.check(f)\n  f()\nend\nreturn lib"}, `
local lib = require("lib")
local function outer()
  lib.check(function() require("demo").fail() end)
end
outer()
`)
	want := strings.Join([]string{
		"[Go]: in function demo.fail",
		"test.lua:4: in function f",
		"lib.lua:3: in function check",
		"test.lua:4: in function outer",
		"test.lua:6: in main chunk",
	}, "\n")
	var got *Error
	if !errors.As(err, &got) {
		t.Fatalf("Run gave %v, want an *Error", err)
	}
	if diff := cmp.Diff(want, got.Traceback); diff != "" {
		t.Errorf("traceback (-want +got):\n%s", diff)
	}
}

func TestInterruptions(t *testing.T) {
	// A script is one line, so that it does not matter how far it has come. One that waits does so in a time that passes
	// only then, and has come to that point for certain.
	scripts := []struct {
		reason, script string
		waits          bool
		message        string
	}{
		{"a loop", "while true do end", false, "%s"},
		{"a loop below pcall", "while true do pcall(function() while true do end end) end", false, "%s"},
		{"a loop below xpcall whose handler loops", "xpcall(function() while true do end end, function() while true do end end)", false, "%s"},
		{"a module below pcall", "local demo = require('demo') while true do pcall(demo.wait) end", true, "%s in demo.wait: GET http://web: %s"},
		{"a loop in a wrapped coroutine", "coroutine.wrap(function() while true do end end)()", false, "%s"},
		{"coroutines without an end", "while true do coroutine.resume(coroutine.create(function() pcall(error) end)) end", false, "%s"},
		{"tail calls without an end", "local function f() return f() end f()", false, "%s"},
	}
	endings := []struct {
		reason  string
		kind    Kind
		timeout time.Duration
		context func(context.Context) (context.Context, context.CancelFunc)
		message string
		cause   error
	}{
		{"its timeout", Timeout, 50 * time.Millisecond, context.WithCancel, "timed out after 50ms", context.DeadlineExceeded},
		{"the deadline of its context", Timeout, 0, func(parent context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(parent, 50*time.Millisecond)
		}, "timed out", context.DeadlineExceeded},
		{"a cancellation", Canceled, time.Hour, func(parent context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(parent)
			timer := time.AfterFunc(50*time.Millisecond, cancel)
			return ctx, func() { timer.Stop(); cancel() }
		}, "canceled", context.Canceled},
	}
	for _, c := range scripts {
		for _, ending := range endings {
			interrupt := func(t *testing.T) {
				ctx, cancel := ending.context(t.Context())
				defer cancel()
				vm := New(Config{Modules: map[string]lua.LGFunction{"demo": demo}, Timeout: ending.timeout})
				defer vm.Close()
				err := vm.Run(ctx, "test.lua", []byte("\n"+c.script))
				want := &Error{Kind: ending.kind, File: "test.lua", Line: 2}
				want.Message = strings.Replace(c.message, "%s", ending.message, 1)
				want.Message = strings.Replace(want.Message, "%s", ending.cause.Error(), 1)
				var got *Error
				if !errors.As(err, &got) {
					t.Fatalf("Run gave %v, want an *Error", err)
				}
				if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Error{}, "Traceback")); diff != "" {
					t.Errorf("error (-want +got):\n%s", diff)
				}
			}
			t.Run(c.reason+"/"+ending.reason, func(t *testing.T) {
				if c.waits {
					synctest.Test(t, interrupt)
				} else {
					interrupt(t)
				}
			})
		}
	}
}

func TestNoHandlerSeesAnInterruption(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	output, err := run(ctx, t, nil, "xpcall(function() while true do end end, print)")
	if err == nil || output != "" {
		t.Errorf("the handler printed %q, and Run gave %v", output, err)
	}
}

func TestRunAgainAfterAFailure(t *testing.T) {
	var output bytes.Buffer
	vm := New(Config{Output: &output})
	defer vm.Close()
	if err := vm.Run(t.Context(), "first.lua", []byte("x = 1 error('stop')")); err == nil {
		t.Fatal("the first script did not fail")
	}
	if err := vm.Run(t.Context(), "second.lua", []byte("print(x, coroutine.running())")); err != nil {
		t.Fatal(err)
	}
	if got := output.String(); got != "1\tnil\n" {
		t.Errorf("the second script printed %q", got)
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		New(Config{Modules: map[string]lua.LGFunction{"demo": demo}}).Close()
	}
}

var benchmarkScript = []byte(`
local demo = require("demo")
local users = {}
for i = 1, 20 do users[#users + 1] = { name = "user" .. i, age = demo.double(i) } end
local function older(a, b) return a.age > b.age end
table.sort(users, older)
for _, user in ipairs(users) do
  local ok, message = pcall(function()
    assert(user.age > 0, "no age")
    assert(string.find(user.name, "^user%d+$"))
  end)
  assert(ok, message)
end
`)

func BenchmarkNewAndRun(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		vm := New(Config{Modules: map[string]lua.LGFunction{"demo": demo}})
		if err := vm.Run(b.Context(), "bench.lua", benchmarkScript); err != nil {
			b.Fatal(err)
		}
		vm.Close()
	}
}

func BenchmarkProtectedCall(b *testing.B) {
	b.ReportAllocs()
	vm := New(Config{})
	defer vm.Close()
	script := []byte("local f = function() end for i = 1, 1000 do pcall(f) end")
	for b.Loop() {
		if err := vm.Run(b.Context(), "bench.lua", script); err != nil {
			b.Fatal(err)
		}
	}
}
