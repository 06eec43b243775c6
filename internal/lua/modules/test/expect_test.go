/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package test

import (
	"strings"
	"testing"
	"testing/synctest"
)

func TestExpectationsThatHold(t *testing.T) {
	got := run(t.Context(), t, `
local self = {}
self.self = self
test.expect(1):eq(1):ge(1):le(1):gt(0):lt(2):type("number"):ok()
test.expect("text"):eq("text"):contains("ex"):matches("^t..t$"):len(4):type("string"):lt("texu")
test.expect({ a = { 1, 2 } }):eq({ a = { 1, 2 } }):covers({}):len(1):type("table")
test.expect({ a = { 1, 2, 3 }, b = 1 }):covers({ a = { 1, 2 } })
test.expect({ { name = "alice", role = "admin" } }):contains({ name = "alice" })
test.expect({ 1, 2 }):contains(2):len(2)
test.expect(nil):is_nil():type("nil")
test.expect(self):eq(self)
test.expect(function() error("sold out") end):raises():raises("sold")
test.expect(function() end).no:raises()
test.expect(1).no:eq(2):eq(1).no:is_nil().no:lt(1)
test.expect(false).no:ok()
test.expect({}).no:contains(1)
test.soft(1):eq(1)
`)
	if got.err != "" || got.first != "" || got.log != "" {
		t.Errorf("it ended as %+v", got)
	}
}

func TestExpectationsThatFail(t *testing.T) {
	for _, tc := range []struct{ reason, script, want string }{
		{"numbers", `test.expect(1):eq(2)`, "expect(1):eq\n  expected 2, got 1"},
		{"a number and its text", `test.expect("1", "count"):eq(1)`, "expect(count):eq\n  expected 1, got \"1\""},
		{"a variable is named", `local order = 1 test.expect(order):eq(2)`, "expect(order):eq\n  expected 2, got 1"},
		{"so is a longer expression", `local t = {} test.expect(t["a)"] or (1), "").no:eq(1)`, "expect(t[\"a)\"] or (1)).no:eq\n  expected anything that eq 1 does not hold for"},
		{"one of two in a line is not guessed", `test.expect(1):eq(1) test.expect(2):eq(1)`, "expect(...):eq\n  expected 1, got 2"},
		{
			"a table shows where it differs",
			`local order = { items = { { qty = 1, sku = "a" } }, note = "x", ["a b"] = 1 }
test.expect(order):covers({ items = { { qty = 2 }, { qty = 3 } }, total = 5 })`,
			"expect(order):covers\n  .items[1].qty  expected 2, got 1\n  .items[2]      expected { qty = 3 }, got nil\n  .total         expected 5, got nil",
		},
		{
			"a table that has more than is expected",
			`test.expect({ 1, 2, a = { b = true }, ["a b"] = 1 }):eq({ 1 })`,
			"expect({ 1, 2, a = { b = true }, [\"a b\"] = 1 }):eq\n  [2]      not expected, got 2\n  .a       not expected, got { b = true }\n  [\"a b\"]  not expected, got 1",
		},
		{"a table and something else", `test.expect({ 1 }):eq(1)`, "expect({ 1 }):eq\n  expected 1, got { 1 }"},
		{
			"long texts", `local text = ("x"):rep(50) .. "a" test.expect(text):eq(("x"):rep(50) .. "b")`,
			"expect(text):eq\n  expected \"" + strings.Repeat("x", 50) + "b\", got \"" + strings.Repeat("x", 50) + "a\" (they differ from byte 51 on)",
		},
		{
			"many differences", `local list = {} for i = 1, 30 do list[i] = i end test.expect({}, "list"):covers(list)`,
			"... and 10 more differences",
		},
		{"tables that hold themselves", `local a, b = {}, {} a.a, b.a = a, b b.b = 1 test.expect(a, "a"):eq(b)`, "expected 1, got nil"},
		{"part of a text", `test.expect("abc"):contains("x")`, "expect(\"abc\"):contains\n  expected \"x\" in it, got \"abc\""},
		{"an item", `test.expect({ { a = 1 } }, "list"):contains({ a = 2 })`, "expect(list):contains\n  expected an item { a = 2 }, got { { a = 1 } }"},
		{"no container", `test.expect(1):contains(2)`, "expected a string or a list with 2 in it, got 1"},
		{"a pattern", `test.expect("abc"):matches("^b")`, "expected a match of \"^b\", got \"abc\""},
		{"a pattern and no text", `test.expect(1):matches("^b")`, "expected a string that matches \"^b\", got 1"},
		{"nothing", `test.expect(nil, "user"):ok()`, "expect(user):ok\n  expected a value, got nil"},
		{"something", `test.expect(1):is_nil()`, "expected nil, got 1"},
		{"another type", `test.expect(1):type("string")`, "expected a string, got 1"},
		{"an order", `test.expect(3):lt(3)`, "expected less than 3, got 3"},
		{"another order", `test.expect("b"):le("a")`, `expected at most "a", got "b"`},
		{"an order of different things", `test.expect(nil):ge(3)`, "expected at least 3, got nil"},
		{"a length", `test.expect({ 1 }):len(2)`, "expected length 2, got length 1: { 1 }"},
		{"no length", `test.expect(1):len(2)`, "expected something of length 2, got 1"},
		{"no error", `test.expect(function() end, "f"):raises()`, "expected an error, got none"},
		{"another error", `test.expect(function() error("sold out") end, "f"):raises("no money")`, `expected an error with "no money" in it, got "sold out"`},
		{"an error that is not to be", `test.expect(error, "f").no:raises()`, "expect(f).no:raises\n  expected this not to hold"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got := run(t.Context(), t, "test.case('x', function()\n"+tc.script+"\nend)")
			if !strings.HasPrefix(got.first, "Assertion test.lua:") || !strings.Contains(got.first, tc.want) {
				t.Errorf("it failed of\n%s\nwant\n%s", got.first, tc.want)
			}
		})
	}
}

func TestSoftExpectations(t *testing.T) {
	got := run(t.Context(), t, `
test.soft(1):eq(2)
test.case("order", function()
  test.soft(1, "first"):eq(2)
  test.soft(1, "second"):eq(3)
  error("broken")
end)
print("reached")`)
	const first = "test.lua:3: soft(1):eq\n    expected 2, got 1\n"
	want := "FAIL\n  " + first +
		"FAIL order (TIME)\n  test.lua:5: soft(first):eq\n    expected 2, got 1\n" +
		"  test.lua:6: soft(second):eq\n    expected 3, got 1\n  test.lua:7: broken\nreached\n"
	if got.log != want || got.first != "Assertion test.lua:3: soft(1):eq\n  expected 2, got 1" || got.err != "" {
		t.Errorf("first failure %q, error %q, log\n%s\nwant\n%s", got.first, got.err, got.log, want)
	}
}

func TestEventually(t *testing.T) {
	for _, tc := range []struct{ reason, script, log, err string }{
		{
			reason: "until it does not raise", log: "3\tx\n",
			script: `local n = 0 print(test.eventually(function() n = n + 1 test.expect(n):eq(3) return n, "x" end, { interval = "1ms" }))`,
		},
		{
			reason: "until it does not return false, soft expectations included", log: "true\n",
			script: `local n = 0 print(test.eventually(function() n = n + 1 test.soft(n):gt(1) return n > 2 end, { interval = "1ms" }))`,
		},
		{reason: "nothing is not false", script: `print(test.eventually(function() end, "1s"))`, log: "\n"},
		{
			reason: "the last error is told",
			script: `local n = 0 test.eventually(function() n = n + 1 error("try " .. n) end, { timeout = "30s", interval = "1h" })`,
			err:    "test.lua:2: not within 30s, in 1 attempt; at last: test.lua:2: try 1",
		},
		{
			reason: "an attempt that hangs is not what is told",
			script: `local n = 0 test.eventually(function() n = n + 1 if n > 1 then test.sleep("1h") end error("no") end, { timeout = "30s", interval = "1ms" })`,
			err:    "test.lua:2: not within 30s, in 2 attempts; at last: test.lua:2: no",
		},
		{
			reason: "but the first one is",
			script: `test.eventually(function() test.sleep("1h") end, "20s")`,
			err:    "test.lua:2: not within 20s, in 1 attempt; at last: test.lua:2: the time was over in test.sleep: context deadline exceeded",
		},
		{reason: "it returned false", script: `test.eventually(function() return false end, { timeout = "30s", interval = "1h" })`, err: "test.lua:2: not within 30s, in 1 attempt; at last: it returned false"},
		{reason: "skipping ends it", script: `test.eventually(function() test.skip("no") end)`, err: "test.lua:2: skipped: no"},
		{
			reason: "cases do not belong there", script: `test.eventually(function() test.case("x", function() end) end, { timeout = "30s", interval = "1h" })`,
			err: "test.lua:2: not within 30s, in 1 attempt; at last: test.lua:2: test.case can't be called inside of test.eventually: put the case around it",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := run(t.Context(), t, tc.script)
				if got.log != tc.log || got.err != tc.err {
					t.Errorf("log %q, error %q, want %q, %q", got.log, got.err, tc.log, tc.err)
				}
			})
		})
	}
}

func TestLogAttachAndSleep(t *testing.T) { synctest.Test(t, logAttachAndSleep) }

func logAttachAndSleep(t *testing.T) {
	got := run(t.Context(), t, `
test.log.debug("100%")
test.log.info("%d of %s", 1, "two")
test.log.warn("w") test.log.error("e")
test.attach("page.html", "<p>", { type = "text/html" })
test.attach("order", { id = 1 })
test.sleep("1m")
test.case("sleeps", { timeout = "10m" }, function() test.sleep("1h") end)
test.attach("large", ("x"):rep(8 * 1024 * 1024))`)
	want := "DEBUG 100%\nINFO 1 of two\nWARN w\nERROR e\nATTACH page.html (text/html, 3 bytes)\nATTACH order (application/json, 13 bytes)\n" +
		"FAIL sleeps (TIME)\n  test.lua:9: timed out after 10m0s in test.sleep: context deadline exceeded\n"
	if got.log != want {
		t.Errorf("log is\n%s\nwant\n%s", got.log, want)
	}
	if !strings.Contains(got.err, `test.lua:10: attachment "large" has 8388608 bytes`) {
		t.Errorf("error is %q", got.err)
	}
}

func TestTags(t *testing.T) {
	const script = `
test.case("untagged", function()
  test.case("slow", { tags = "slow" }, function() end)
end)
test.case("smoke", { tags = { "smoke", "web" } }, function()
  test.case("inherits", function() end)
  test.case("slow", { tags = "slow" }, function() end)
end)
test.case("other", { tags = "other" }, function() end)`
	for _, tc := range []struct{ reason, tags, want string }{
		{"everything", "", "untagged/slow,untagged,smoke/inherits,smoke/slow,smoke,other"},
		{"one tag", "smoke", "untagged,smoke/inherits,smoke/slow,smoke"},
		{"all but one tag", "!slow", "untagged,smoke/inherits,smoke,other"},
		{"several tags but one", "smoke, other, !slow", "untagged,smoke/inherits,smoke,other"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got := runWith(t.Context(), t, map[string]string{"tags": tc.tags}, script)
			var passed []string
			for _, c := range got.cases {
				if c.State == Passed {
					passed = append(passed, c.Name)
				}
			}
			if strings.Join(passed, ",") != tc.want {
				t.Errorf("passed %v, want %s", passed, tc.want)
			}
		})
	}
}
