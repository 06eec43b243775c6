/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package modules

import (
	"bytes"
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/topas-dev/topas/internal/driver/net"
	"github.com/topas-dev/topas/internal/lua/modules/test"
	"github.com/topas-dev/topas/internal/lua/vm"
)

// run runs a script that has all modules and no drivers.
func run(t *testing.T, script string) (string, error) {
	t.Helper()
	var log bytes.Buffer
	suite := test.New(test.Config{Output: &log, Recorder: nobody{}})
	machine := vm.New(vm.Config{Modules: Loaders(Drivers{Test: suite, Net: server{}}), Output: &log})
	defer machine.Close()
	err := machine.Run(t.Context(), "test.lua", []byte("local json, time = require('json'), require('time')\n"+script))
	return log.String(), err
}

type nobody struct{}

func (nobody) Record(test.Case)       {}
func (nobody) Attach(test.Attachment) {}

// server answers every request with 201, and no call.
type server struct{}

func (server) Do(context.Context, net.Request) (*net.Response, error) {
	return &net.Response{Code: 201}, nil
}

func (server) Invoke(context.Context, net.Call) (*net.Reply, error) {
	return nil, errors.New("connection refused")
}

func (server) Open(context.Context, net.Call) (*net.Stream, error) {
	return nil, errors.New("connection refused")
}

// A case that fails shows the last request that was made in it.
func TestTheLastRequestOfACase(t *testing.T) {
	got, err := run(t, `
local test, net = require("test"), require("net")
net.get("http://before")
test.case("none", function() assert(false, "no") end)
test.case("outer", function()
  net.post("http://frontend/orders")
  test.case("none inside", function() assert(false, "no") end)
  test.case("grpc", function() net.grpc("echo:50051", "topas.EchoService/Echo") end)
  test.defer(net.get, "http://cleanup")
  net.post("http://frontend/orders")
  assert(false, "no")
end)`)
	if err != nil {
		t.Fatal(err)
	}
	want := "FAIL none (TIME)\n  test.lua:5: no\n" +
		"FAIL outer/none inside (TIME)\n  test.lua:8: no\n" +
		"FAIL outer/grpc (TIME)\n  test.lua:9: connection refused\n  last: gRPC echo:50051 topas.EchoService/Echo -> no answer in TIME\n" +
		"FAIL outer (TIME)\n  test.lua:12: no\n  last: POST http://frontend/orders -> 201 in TIME\n"
	if got = regexp.MustCompile(`\b\d+m?s\b`).ReplaceAllString(got, "TIME"); got != want {
		t.Errorf("log is\n%s\nwant\n%s", got, want)
	}
}

// Every function of every module, and every matcher, is on the page about them.
func TestEveryFunctionIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../docs/lua.md")
	if err != nil {
		t.Fatal(err)
	}
	names, err := run(t, `
local test = require("test")
for _, module in ipairs({ "db", "json", "net", "postman", "sut", "test", "time" }) do
  for name in pairs(require(module)) do print(module .. "." .. name) end
end
for level in pairs(test.log) do print("log." .. level) end
local ok, message = pcall(function() return test.expect(1).xxxxxxxxxxxx end)
for name in message:match("it has (.*), and"):gmatch("[%a_]+") do print(":" .. name) end`)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(names, "\n") < 50 {
		t.Errorf("there are only %s", names)
	}
	for name := range strings.SplitSeq(strings.TrimSpace(names), "\n") {
		_, short, _ := strings.Cut(name, ".")
		if !strings.Contains(string(page), name) && !strings.Contains(string(page), "`"+short+"`") {
			t.Errorf("docs/lua.md has nothing about %s", name)
		}
	}
}

func TestJSONAndTime(t *testing.T) {
	for _, tc := range []struct{ reason, script, want string }{
		{"decoding", `local v = json.decode('{"a":[1,2.5,null,"x"],"b":true}') print(v.a[1], v.a[2], v.a[3] == json.null, v.a[4], v.b)`, "1\t2.5\ttrue\tx\ttrue\n"},
		{"large integers keep their digits", `print(json.decode("[9007199254740993, 12]")[1], json.decode("null"))`, "9007199254740993\tnil\n"},
		{"encoding", `print(json.encode({ b = { 1, "<&>", json.null }, a = 1.5 }), json.encode("x"))`, "{\"a\":1.5,\"b\":[1,\"<&>\",null]}\t\"x\"\n"},
		{"encoding for readers", `print(json.encode({ a = { 1 } }, { indent = 2 }))`, "{\n  \"a\": [\n    1\n  ]\n}\n"},
		{"times", `print(time.parse("1970-01-02"), time.parse("1970-01-01T00:00:01.5+00:00"), time.parse("Thu, 01 Jan 1970 00:01:00 GMT"))`, "86400\t1.5\t60\n"},
		{"times for machines", `print(time.iso(1.5), time.iso(time.parse("2026-01-31T13:00:00+01:00")))`, "1970-01-01T00:00:01.500Z\t2026-01-31T12:00:00.000Z\n"},
		{"durations", `print(time.duration("1m30s"), time.duration("250ms"))`, "90\t0.25\n"},
		{"the clock goes on", `local t = time.now() print(t > 1.7e9, time.since(t) >= 0, math.abs(os.time() - t) < 60)`, "true\ttrue\ttrue\n"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			if got, err := run(t, tc.script); err != nil || got != tc.want {
				t.Errorf("log is %q, error %v, want %q", got, err, tc.want)
			}
		})
	}
}

func TestJSONAndTimeErrors(t *testing.T) {
	for _, tc := range []struct{ reason, script, want string }{
		{"no JSON", `json.decode('{"a":\n x}')`, "test.lua:2: json.decode: invalid character 'x' looking for beginning of value (line 2, column 2)"},
		{"half of it", `json.decode("[1,")`, "json.decode: unexpected EOF"},
		{"nothing", `json.decode("")`, "json.decode: EOF (line 1, column 1)"},
		{"more than one", `json.decode("1 2")`, "json.decode: there is more behind the value"},
		{"a function", `json.encode({ f = print })`, "bad argument #1 to encode (f: a function can't be used as a value)"},
		{"a number that JSON has not", `json.encode({ 0/0 })`, "bad argument #1 to encode (json: unsupported value: NaN)"},
		{"an unknown option", `json.encode(1, { ident = 2 })`, `unknown option "ident": did you mean "indent"?`},
		{"no time", `time.parse("yesterday")`, `want a time such as "2026-01-31T12:00:00Z"`},
		{"no duration", `time.duration("90")`, `want a duration such as "500ms", "60s" or "5m", got "90"`},
		{"a time beyond the calendar", `time.iso(1e12)`, "want seconds since 1970, up to the year 9999, got 1e+12"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			if _, err := run(t, tc.script); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want it to hold %q", err, tc.want)
			}
		})
	}
}
