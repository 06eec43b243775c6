/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package test

import (
	"bytes"
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/vm"
)

// recorded keeps cases.
type recorded []Case

func (r *recorded) Record(c Case) { *r = append(*r, c) }

func (r *recorded) Attach(Attachment) {}

// ended is what there is to see of a script.
type ended struct {
	cases recorded
	log   string
	// first is the failure that the module knows, and err that of the script itself.
	first, err string
}

var durations = regexp.MustCompile(`\((\d+m)?\d+(\.\d+)?m?s\)`)

// run runs a script, and then what it deferred in a context of its own.
func run(ctx context.Context, t *testing.T, script string) ended {
	t.Helper()
	return runWith(ctx, t, map[string]string{"USERS": "10"}, script)
}

func runWith(ctx context.Context, t *testing.T, params map[string]string, script string) ended {
	t.Helper()
	var got ended
	var log bytes.Buffer
	module := New(Config{
		Recorder: &got.cases, Output: &log, Params: params,
		Secret: func(name string) (string, error) {
			if name != "login/password" {
				return "", errors.New("no such secret")
			}
			return "s3cret", nil
		},
	})
	machine := vm.New(vm.Config{Modules: map[string]lua.LGFunction{"test": module.Loader}, Output: &log})
	defer machine.Close()
	err := machine.Run(ctx, "test.lua", []byte("local test = require('test')\n"+script))
	if err := machine.Do(t.Context(), module.Finish); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		got.err = err.Error()
	}
	if first := module.Failure(); first != nil {
		got.first = string(first.Kind) + " " + first.Error()
	}
	got.log = durations.ReplaceAllString(log.String(), "(TIME)")
	return got
}

func TestCases(t *testing.T) {
	for _, tc := range []struct {
		reason, script string
		cases          []Case
		log            string
		first, err     string
	}{
		{
			reason: "siblings go on after a failure",
			script: `
print(test.case("adds", function() end))
print(test.case("fails", function() assert(1 == 2, "numbers differ") end))
print(test.case("raises", function() error("broken") end))`,
			cases: []Case{
				{Name: "adds", State: Passed},
				{Name: "fails", State: Failed, Message: "test.lua:4: numbers differ"},
				{Name: "raises", State: Failed, Message: "test.lua:5: broken"},
			},
			log: "PASS adds (TIME)\ntrue\n" +
				"FAIL fails (TIME)\n  test.lua:4: numbers differ\nfalse\n" +
				"FAIL raises (TIME)\n  test.lua:5: broken\nfalse\n",
			first: "Assertion test.lua:4: numbers differ",
		},
		{
			reason: "a case in which one failed has failed",
			script: `
test.case("checkout", function()
  test.case("fills cart", function() end)
  test.case("creates order", function()
    test.case("pays", function() local x = nil; x() end)
  end)
end)`,
			cases: []Case{
				{Name: "checkout/fills cart", State: Passed},
				{Name: "checkout/creates order/pays", State: Failed, Message: "test.lua:6: attempt to call a non-function object"},
				{Name: "checkout/creates order", State: Failed, Message: `case "pays" failed`},
				{Name: "checkout", State: Failed, Message: `case "creates order" failed`},
			},
			log: "PASS checkout/fills cart (TIME)\n" +
				"FAIL checkout/creates order/pays (TIME)\n  test.lua:6: attempt to call a non-function object\n" +
				"FAIL checkout/creates order (TIME)\n  case \"pays\" failed\n" +
				"FAIL checkout (TIME)\n  case \"creates order\" failed\n",
			first: "Raised test.lua:6: attempt to call a non-function object",
		},
		{
			reason: "an error shows how the case came to it",
			script: `
local function buy() error("sold out") end
local function checkout()
  buy()
  return 1
end
test.case("buys", function()
  local ok = checkout()
end)`,
			cases: []Case{{Name: "buys", State: Failed, Message: "test.lua:3: sold out"}},
			log: "FAIL buys (TIME)\n  test.lua:3: sold out\n" +
				"    test.lua:3: in function buy\n    test.lua:5: in function checkout\n    test.lua:9: in function ?\n",
			first: "Raised test.lua:3: sold out",
		},
		{
			reason: "cases are skipped by an option, and by themselves",
			script: `
print(test.case("one", { skip = true }, function() error("x") end))
print(test.case("two", { skip = "not on Mondays" }, function() error("x") end))
print(test.case("three", { skip = false }, function() test.skip("no printer") error("x") end))
print(test.case("four", function() pcall(test.skip) end))`,
			cases: []Case{
				{Name: "one", State: Skipped}, {Name: "two", State: Skipped, Message: "not on Mondays"},
				{Name: "three", State: Skipped, Message: "no printer"}, {Name: "four", State: Skipped},
			},
			log: "SKIP one\nnil\nSKIP two: not on Mondays\nnil\nSKIP three: no printer\nnil\nSKIP four\nnil\n",
		},
		{
			reason: "a required case ends the script, and one inside of another that one",
			script: `
test.case("outer", function()
  test.case("inner", { required = true }, function() test.fail("%d is not %s", 7, "seven") end)
  print("not reached")
end)
test.case("last", { required = true }, function() error({ code = 1 }) end)
print("not reached")`,
			cases: []Case{
				{Name: "outer/inner", State: Failed, Message: "test.lua:4: 7 is not seven"},
				{Name: "outer", State: Failed, Message: "test.lua:4: 7 is not seven"},
				{Name: "last", State: Failed, Message: `test.lua:7: {"code":1}`},
			},
			log: "FAIL outer/inner (TIME)\n  test.lua:4: 7 is not seven\n" +
				"FAIL outer (TIME)\n  test.lua:4: 7 is not seven\n" +
				"FAIL last (TIME)\n  test.lua:7: {\"code\":1}\n",
			first: "Assertion test.lua:4: 7 is not seven", err: `test.lua:7: {"code":1}`,
		},
		{
			reason: "only the last attempt counts, with the cases inside of it",
			script: `
local n = 0
print(test.case("flaky", { retries = 3 }, function()
  n = n + 1
  test.case("inside", function() assert(n == 3, "try " .. n) end)
end))
print(test.case("hopeless", { retries = 1 }, function() assert(false) end))`,
			cases: []Case{
				{Name: "flaky/inside", State: Passed}, {Name: "flaky", State: Passed},
				{Name: "hopeless", State: Failed, Message: "test.lua:8: assertion failed!"},
			},
			log: "FAIL flaky/inside (TIME)\n  test.lua:6: try 1\nRETRY flaky (TIME): attempt 1 of 4\n  case \"inside\" failed\n" +
				"FAIL flaky/inside (TIME)\n  test.lua:6: try 2\nRETRY flaky (TIME): attempt 2 of 4\n  case \"inside\" failed\n" +
				"PASS flaky/inside (TIME)\nPASS flaky (TIME)\ntrue\n" +
				"RETRY hopeless (TIME): attempt 1 of 2\n  test.lua:8: assertion failed!\n" +
				"FAIL hopeless (TIME)\n  test.lua:8: assertion failed!\nfalse\n",
			first: "Assertion test.lua:8: assertion failed!",
		},
		{
			reason: "a case for every row",
			script: `
print(test.case("login as {user}", { each = { { user = "alice" }, { user = "bob" } } }, function(row, i)
  assert(row.user == "alice", i .. " is " .. row.user)
end))
print(test.case("counts", { each = { 1, 2 } }, function(row, i) assert(row == i) end))
print(test.case("{} is even", { each = { 2 } }, function(row) assert(row % 2 == 0) end))
print(test.case("nobody", { each = {} }, function() error("x") end))`,
			cases: []Case{
				{Name: "login as alice", State: Passed}, {Name: "login as bob", State: Failed, Message: "test.lua:4: 2 is bob"},
				{Name: "counts [1]", State: Passed}, {Name: "counts [2]", State: Passed}, {Name: "2 is even", State: Passed},
			},
			log: "PASS login as alice (TIME)\nFAIL login as bob (TIME)\n  test.lua:4: 2 is bob\nfalse\n" +
				"PASS counts [1] (TIME)\nPASS counts [2] (TIME)\ntrue\nPASS 2 is even (TIME)\ntrue\nnil\n",
			first: "Assertion test.lua:4: 2 is bob",
		},
		{
			reason: "a timeout ends the case alone, whatever it is in",
			script: `
local co = coroutine.wrap(function() coroutine.yield() test.sleep("1h") end)
co()
test.case("hangs", { timeout = "20ms" }, function()
  test.case("inside", function() pcall(test.sleep, "1h") end)
end)
test.case("hangs in a coroutine from outside", { timeout = "20ms" }, function() co() end)
test.case("goes on", function() end)`,
			cases: []Case{
				{Name: "hangs/inside", State: Failed, Message: "test.lua:6: timed out after 20ms in test.sleep: context deadline exceeded"},
				{Name: "hangs", State: Failed, Message: "test.lua:6: timed out after 20ms in test.sleep: context deadline exceeded"},
				{Name: "hangs in a coroutine from outside", State: Failed, Message: "test.lua:3: timed out after 20ms in test.sleep: context deadline exceeded"},
				{Name: "goes on", State: Passed},
			},
			log: "FAIL hangs/inside (TIME)\n  test.lua:6: timed out after 20ms in test.sleep: context deadline exceeded\nFAIL hangs (TIME)\n  test.lua:6: timed out after 20ms in test.sleep: context deadline exceeded\n" +
				"FAIL hangs in a coroutine from outside (TIME)\n  test.lua:3: timed out after 20ms in test.sleep: context deadline exceeded\nPASS goes on (TIME)\n",
			first: "Timeout test.lua:6: timed out after 20ms in test.sleep: context deadline exceeded",
		},
		{
			reason: "cleanups run at the end of the case, the last one first, and can fail it",
			script: `
test.defer(print, "script", 1)
test.case("passes", function()
  test.defer(print, "first")
  test.defer(function() test.defer(print, "deferred by a cleanup") end)
  print("body")
end)
test.case("fails", function()
  test.defer(print, "after the failure")
  test.defer(error, "not cleaned", 0)
  error("broken")
end)
test.case("fails in the end", function() test.defer(function() assert(false, "left behind") end) end)
test.defer(print, "script", 2)
print("end")`,
			cases: []Case{
				{Name: "passes", State: Passed},
				{Name: "fails", State: Failed, Message: "test.lua:12: broken\ntest.lua:9: cleanup: not cleaned"},
				{Name: "fails in the end", State: Failed, Message: "test.lua:14: cleanup: left behind"},
			},
			log: "body\ndeferred by a cleanup\nfirst\nPASS passes (TIME)\n" +
				"after the failure\nFAIL fails (TIME)\n  test.lua:12: broken\n  test.lua:9: cleanup: not cleaned\n" +
				"FAIL fails in the end (TIME)\n  test.lua:14: cleanup: left behind\n" +
				"end\nscript\t2\nscript\t1\n",
			first: "Raised test.lua:12: broken",
		},
		{
			reason: "cleanups of the script run after an error, and can fail the script",
			script: "test.defer(error, 'dirty', 0)\ntest.defer(print, 'cleaned')\nerror('broken')",
			log:    "cleaned\nFAIL\n  cleanup: dirty\n",
			first:  "Raised cleanup: dirty", err: "test.lua:4: broken",
		},
		{
			reason: "the script skips itself", script: "test.skip('no database')\nprint('not reached')", err: "test.lua:2: skipped: no database",
		},
		{
			reason: "a case in a coroutine, which can't yield out of it",
			script: `
local co = coroutine.wrap(function()
  test.case("yields", function() coroutine.yield(1) end)
  coroutine.yield(2)
end)
print(co())
test.case("goes on", function() end)`,
			cases: []Case{{Name: "yields", State: Failed, Message: "test.lua:4: can not yield from outside of a coroutine"}, {Name: "goes on", State: Passed}},
			log:   "FAIL yields (TIME)\n  test.lua:4: can not yield from outside of a coroutine\n2\nPASS goes on (TIME)\n",
			first: "Raised test.lua:4: can not yield from outside of a coroutine",
		},
		{
			reason: "a name is one line", script: `test.case("two\nlines\t", function() end)`,
			cases: []Case{{Name: "two lines ", State: Passed}}, log: "PASS two lines  (TIME)\n",
		},
		{
			reason: "parameters and secrets",
			script: `print(test.param("USERS"), test.param("HOSTS", "none"), test.param("HOSTS", nil), test.secret("login/password"))`,
			log:    "10\tnone\tnil\ts3cret\n",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := run(t.Context(), t, tc.script)
				want := ended{cases: tc.cases, log: tc.log, first: tc.first, err: tc.err}
				if diff := cmp.Diff(want, got, cmp.AllowUnexported(ended{}), cmpopts.IgnoreFields(Case{}, "Duration", "first")); diff != "" {
					t.Errorf("the script ended (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// When the time of the run is over, cases end as failed, the script ends, and everything deferred is called all the same.
func TestTheEndInACase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		got := run(ctx, t, `
test.defer(print, "script")
test.case("outer", { retries = 5, timeout = "1h" }, function()
  test.defer(print, "outer")
  test.case("hangs", function()
    test.defer(print, "inner")
    pcall(test.sleep, "1h")
  end)
end)
print("not reached")`)
		const message = "test.lua:8: timed out in test.sleep: context deadline exceeded"
		want := ended{
			cases: []Case{{Name: "outer/hangs", State: Failed, Message: message}, {Name: "outer", State: Failed, Message: message}},
			log:   "FAIL outer/hangs (TIME)\n  " + message + "\nFAIL outer (TIME)\n  " + message + "\ninner\nouter\nscript\n",
			first: "Timeout " + message, err: message,
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(ended{}), cmpopts.IgnoreFields(Case{}, "Duration", "first")); diff != "" {
			t.Errorf("the script ended (-want +got):\n%s", diff)
		}
	})
}

// A failure in a case leaves the local variables of the script as they are, which gopher-lua's own protected call does not.
func TestCasesKeepLocalVariables(t *testing.T) {
	got := run(t.Context(), t, `
local value
local function read() return value end
test.case("fails", function() error("x") end)
value = 5
print(read())`)
	if !strings.HasSuffix(got.log, "\n5\n") {
		t.Errorf("log is %s", got.log)
	}
}

func TestWrongArguments(t *testing.T) {
	for _, tc := range []struct{ reason, script, want string }{
		{"an unknown option", "test.case('x', { timout = '1s' }, function() end)", `unknown option "timout": did you mean "timeout"?`},
		{"no function", "test.case('x', { timeout = '1s' })", "bad argument #3 to case (function expected, got nil)"},
		{"neither options nor a function", "test.case('x', 1)", "bad argument #2 to case (want a table of options, got the number 1)"},
		{"no name", "test.case(' ', function() end)", "bad argument #1 to case (a case needs a name)"},
		{"a negative number", "test.case('x', { retries = -1 }, function() end)", "retries is -1, must be 0 or more"},
		{"skip of another kind", "test.case('x', { skip = 1 }, function() end)", `option "skip": want true, false or a reason, got 1`},
		{"a parameter with a name that is similar", "test.param('USER')", `parameter "USER" is not given, and has no default: did you mean "USERS"?`},
		{"a parameter that there is not", "test.param('x')", `parameter "x" is not given, and has no default: the run has USERS`},
		{"a secret that there is not", "test.secret('x')", "no such secret"},
		{"an unknown matcher", "test.expect(1):equals(1)", `expect has no matcher "equals": it has contains, covers, eq,`},
		{"a misspelt matcher", "test.expect(1):contain(1)", `expect has no matcher "contain": did you mean "contains"?`},
		{"a dot in place of the colon", "test.expect(1).eq(1)", "eq is called with a colon: test.expect(value):eq(...)"},
		{"nothing to compare with", "test.expect(1):eq()", "bad argument #2 to eq (value expected)"},
		{"a type that there is not", "test.expect(1):type('list')", `there is no type "list"`},
		{"an order of tables", "test.expect(1):lt({})", "want a number or a string, got a table"},
		{"an unknown option of eventually", "test.eventually(print, { every = '1s' })", `unknown option "every": known are "interval", "timeout"`},
		{"no time", "test.eventually(print, '0s')", "bad argument #2 to eventually (timeout is 0s, must be more)"},
		{"a duration that is none", "test.sleep('soon')", `want a duration such as "500ms", "60s" or "5m", got "soon"`},
		{"a tag with a comma", "test.case('x', { tags = 'a,b' }, print)", `option "tags": want a name or a list of names`},
		{"something that can't be attached", "test.attach('x', { f = print })", "f: a function can't be used as a value"},
		{"no function to defer", "test.defer('x')", "bad argument #1 to defer (function expected, got string)"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got := run(t.Context(), t, tc.script)
			if !strings.Contains(got.err, tc.want) {
				t.Errorf("error is %q, want it to hold %q", got.err, tc.want)
			}
		})
	}
}
