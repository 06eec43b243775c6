/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package vm

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAnswersAsLua51 holds what the reference implementation (PUC Lua 5.1) prints, where gopher-lua alone prints
// something else or corrupts its state.
func TestAnswersAsLua51(t *testing.T) {
	cases := []struct{ reason, script, want string }{
		{"a captured local survives an error that pcall caught", `
			local a; local function U() return a end
			pcall(error, "e"); a = 5; print(U())`, "5\n"},
		{"so it does after one that xpcall caught", `
			local a; local function U() return a end
			xpcall(function() error("e") end, function(m) return m end); a = 5; print(U())`, "5\n"},
		{"so it does in a function that a loop calls", `
			local n = 0
			local function add() n = n + 1 return n end
			for i = 1, 3 do pcall(function() add() error("x") end) n = n + 10 end
			print(n, add())`, "33\t34\n"},
		{"so it does for a local of a caller further out", `
			local function outer()
				local v = 1
				local function get() return v end
				local function inner() pcall(error) end
				inner(); v = 2
				return get()
			end
			print(outer())`, "2\n"},
		{"so it does inside of a coroutine", `
			print(coroutine.wrap(function()
				local a; local function U() return a end
				pcall(error, "e"); a = 5
				coroutine.yield(U())
			end)())`, "5\n"},
		{"a closure made in the failed function keeps its values", `
			local get
			pcall(function() local v = 7; get = function() return v end; error("x") end)
			print(get())`, "7\n"},
		{"pcall gives all results, also none", `print(pcall(function() return 1, nil, 3 end)) print(select("#", pcall(function() end)))`,
			"true\t1\tnil\t3\n1\n"},
		{"pcall passes arguments", `print(pcall(function(...) return select("#", ...), ... end, 1, nil))`, "true\t2\t1\tnil\n"},
		{"pcall of what can't be called", `print(pcall(nil)) print(pcall(42))`,
			"false\tattempt to call a nil value\nfalse\tattempt to call a number value\n"},
		{"pcall of a table that can be called", `print(pcall(setmetatable({}, {__call = function(_, x) return x end}), 3))`, "true\t3\n"},
		{"pcall keeps the error value", `local e = {} local ok, got = pcall(error, e) print(ok, got == e)`, "false\ttrue\n"},
		{"error has no position if Go code called it", `print(pcall(error, "e"))`, "false\te\n"},
		{"error has the position of its caller, or of the caller's caller", `
			print(pcall(function() error("e") end))
			local function check() error("e", 2) end
			print(pcall(function()
				check()
			end))
			print(pcall(function() error("e", 0) end))`, "false\ttest.lua:2: e\nfalse\ttest.lua:5: e\nfalse\te\n"},
		{"an error without a value is nil", `print(pcall(error))`, "false\tnil\n"},
		{"assert has no position", `print(pcall(assert, false)) print(pcall(function() assert(nil, "m") end))`,
			"false\tassertion failed!\nfalse\tm\n"},
		{"the handler of xpcall gets the value and its result is returned", `
			print(xpcall(function() error("e", 0) end, function(m) return "handled " .. m end))
			print(xpcall(function() return 1 end, print))`, "false\thandled e\ntrue\t1\n"},
		{"a protected call ends the protected call that it is in, and no more", `
			print(pcall(function() local ok, e = pcall(error, "in") error(e .. " out", 0) end))`, "false\tin out\n"},
		{"coroutines go on across an error caught inside of them", `
			local co = coroutine.create(function(a)
				local ok = pcall(error)
				local b = coroutine.yield(a, ok)
				return b * 2
			end)
			print(coroutine.resume(co, 1)) print(coroutine.resume(co, 4)) print(coroutine.resume(co)) print(coroutine.status(co))`,
			"true\t1\tfalse\ntrue\t8\nfalse\tcan not resume a dead thread\ndead\n"},
		{"a coroutine outlives the protected call and the coroutine that made it", `
			local co
			pcall(function() co = coroutine.create(function() coroutine.yield(1) return 2 end) end)
			print(coroutine.resume(co))
			local inner
			coroutine.wrap(function() inner = coroutine.wrap(function() coroutine.yield(3) return 4 end) inner() end)()
			print(coroutine.resume(co)) print(inner())`, "true\t1\ntrue\t2\n4\n"},
		{"a coroutine can't be resumed by what it waits for", `
			local co
			co = coroutine.create(function()
				local ok, e = coroutine.resume(coroutine.create(function() return coroutine.resume(co) end))
				return ok, e
			end)
			print(coroutine.resume(co))`, "true\ttrue\tfalse\n"},
		{"the running coroutine is the one around a protected call", `
			local co
			co = coroutine.create(function() return pcall(function() return coroutine.running() == co, coroutine.status(co) end) end)
			print(coroutine.resume(co))
			print(pcall(coroutine.running))`, "true\ttrue\ttrue\trunning\ntrue\tnil\n"},
		{"a failed wrapped coroutine is dead", `
			local f = coroutine.wrap(function() error("x", 0) end)
			print(pcall(f)) print((pcall(f)))`, "false\tx\nfalse\n"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			got, err := run(t.Context(), t, nil, c.script)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

func TestYieldAcrossAProtectedCall(t *testing.T) {
	got, err := run(t.Context(), t, nil, `
		print(coroutine.resume(coroutine.create(function()
			local ok, e = pcall(coroutine.yield, 1)
			return ok, (tostring(e):gsub("^%s+", ""))
		end)))`)
	if err != nil {
		t.Fatal(err)
	}
	if want := "true\tfalse\tcan not yield from outside of a coroutine\n"; got != want {
		t.Errorf("output %q, want %q", got, want)
	}
}
