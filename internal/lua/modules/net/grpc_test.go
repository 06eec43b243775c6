/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net_test

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/topas-dev/topas/internal/driver/net/nettest"
)

// protos are the .proto files as files of a test, in a folder.
func protos(t *testing.T) files {
	t.Helper()
	f := files{"api/all.protoset": string(nettest.Protoset(t)), "api/wrong.proto": "message {", "text": "no protoset"}
	for _, name := range []string{"kinds.proto", "extended.proto", "weights.proto"} {
		file, err := nettest.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		f["api/"+name] = string(text)
	}
	return f
}

func TestStreams(t *testing.T) {
	h := hosts{"echo": nettest.Start(t, nettest.Both).Address}
	cases := []struct{ reason, script, want string }{
		{"a stream of requests", `
			local s = net.grpc_stream("echo", "topas.test.Echo/Collect", { metadata = { token = { "a", "b" } } })
			print(s:send({ a_string = "x" }), s:send({ a_string = "y" }))
			local all, info = s:recv()
			print(#all.children, all.children[2].a_string, info.status_name, info.headers.saw, info.trailers.trailing, info.duration > 0)
			print(s:recv() == nil, s:send({}))`,
			"true\ttrue\n2\ty\tOK\t[a b]\tyes\ttrue\ntrue\tfalse\n"},
		{"a stream of responses", `
			local s = net.grpc_stream("echo", "topas.test.Echo/Repeat")
			s:send({ children = { { a_string = "x" }, { a_string = "y" } } })
			for message in s:iter() do print(message.a_string) end
			local message, info = s:recv()
			print(message, info.status)`, "x\ny\nnil\t0\n"},
		{"a stream of both", `
			local s = net.grpc_stream("echo", "topas.test.Echo/Chat", { timeout = "20s" })
			for _, text in ipairs({ "x", "y" }) do
				s:send({ a_string = text })
				local message, info = s:recv()
				print(message.a_string, info)
			end
			s:close_send()
			print(s:recv() == nil)`, "x\tnil\ny\tnil\ntrue\n"},
		{"a status is returned if asked for", `
			local s = net.grpc_stream("echo", "topas.test.Echo/Chat", { raise = false })
			s:send({ a_string = "stop" })
			for message in s:iter() do error("a message") end
			local message, info = s:recv()
			print(message, info.status_name, info.message)`, "nil\tABORTED\tstopped\n"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			got, err := run(t, h, c.script)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValues(t *testing.T) {
	h := hosts{"echo": nettest.Start(t, nettest.Both).Address}
	cases := []struct{ reason, script, want string }{
		{"bytes are strings, and large integers keep their digits", `
			local m = net.grpc("echo", "topas.test.Echo/Unary", { some_bytes = "\255\0a", an_int64 = "9223372036854775807", a_sint64 = 7, a_double = 1/0 })
			print(m.some_bytes == "\255\0a", m.an_int64, m.a_sint64 + 1, m.a_double == 1/0, m.color, m.maybe, #m.numbers)`,
			"true\t9223372036854775807\t8\ttrue\tCOLOR_UNSPECIFIED\tnil\t0\n"},
		{"maps, oneofs and well-known types", `
			local m = net.grpc("echo", "topas.test.Echo/Unary", { by_number = { ["7"] = "x" }, text = "", time = "2026-01-31T10:00:00Z",
				fields = { a = { 1, true } }, extended = { id = 1, ["[topas.test.weight]"] = 5 } })
			print(m.by_number["7"], m.text == "", m.number, m.time, m.fields.a[2], m.extended["[topas.test.weight]"])`,
			"x\ttrue\tnil\t2026-01-31T10:00:00Z\ttrue\t5\n"},
		{"a message that is one value", `print((net.grpc("echo", "topas.test.Echo/Wrapped", "9007199254740993")))`, "9007199254740993\n"},
		{"the details of a status", `
			local m, info = net.grpc("echo", "topas.test.Echo/Refuse", { details = { { ["@type"] = "type.googleapis.com/google.rpc.BadRequest",
				field_violations = { { field = "name", description = "too long" } } } } }, { raise = false })
			print(m, info.status_name, info.message, info.details[1]["@type"], info.details[1].field_violations[1].field)
			print(#select(2, net.grpc("echo", "topas.test.Echo/Unary")).details)`,
			"nil\tINVALID_ARGUMENT\trefused\ttype.googleapis.com/google.rpc.BadRequest\tname\n0\n"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			got, err := run(t, h, c.script)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

func TestServersThatDoNotTell(t *testing.T) {
	h := hosts{"echo": nettest.Start(t, nettest.None).Address}
	for _, options := range []string{
		`{ protoset = "api/all.protoset" }`,
		`{ proto = { "api/kinds.proto", "api/weights.proto" } }`,
		// What a file imports is found beside it.
		`{ proto = "api/kinds.proto" }`,
	} {
		got, err := runWith(t, h, protos(t), `
			for i = 1, 2 do print(net.grpc("echo", "topas.test.Echo/Unary", { extended = { id = i } }, `+options+`).extended.id) end
			local s = net.grpc_stream("echo", "topas.test.Echo/Chat", `+options+`)
			s:send({ a_string = "x" })
			print(s:recv().a_string)`)
		if err != nil {
			t.Fatal(err)
		}
		if want := "1\n2\nx\n"; got != want {
			t.Errorf("with %s: %q, want %q", options, got, want)
		}
	}
}

func TestGRPCErrors(t *testing.T) {
	address := nettest.Start(t, nettest.Both).Address
	h := hosts{"echo": address}
	cases := []struct{ reason, script, want string }{
		{"a status of a stream", `local s = net.grpc_stream("echo", "topas.test.Echo/Chat") s:send({ a_string = "stop" }) s:recv()`,
			"echo topas.test.Echo/Chat: ABORTED: stopped"},
		{"a stream that is no stream", `net.grpc_stream("echo", "topas.test.Echo/Unary")`, "gRPC echo topas.test.Echo/Unary (" + address + "): the method is unary, not a stream: call net.grpc"},
		{"a stream as if it were none", `net.grpc("echo", "topas.test.Echo/Chat")`, "gRPC echo topas.test.Echo/Chat (" + address + "): the method is a stream, not unary: call net.grpc_stream"},
		{"a wrong message", `net.grpc_stream("echo", "topas.test.Echo/Chat"):send({ a_bool = 1 })`,
			"gRPC echo topas.test.Echo/Chat (" + address + "): the request topas.test.Kinds: a_bool: want true or false, got the number 1"},
		{"a value that can't be sent", `net.grpc_stream("echo", "topas.test.Echo/Chat"):send(print)`, "bad argument #2 to send (a function can't be used as a value)"},
		{"no colon", `net.grpc_stream("echo", "topas.test.Echo/Chat").send({})`, "bad argument #1 to send (want a stream: write stream:send(...), with a colon)"},
		{"an unknown option", `net.grpc_stream("echo", "topas.test.Echo/Chat", { meta_data = {} })`, `bad argument #3 to grpc_stream (unknown option "meta_data": did you mean "metadata"?)`},
		{"two schemas", `net.grpc("echo", "topas.test.Echo/Unary", {}, { proto = "a", protoset = "b" })`, `bad argument #4 to grpc (options "protoset" and "proto" exclude each other)`},
		{"a protoset that is not there", `net.grpc("echo", "topas.test.Echo/Unary", {}, { protoset = "b" })`,
			`bad argument #4 to grpc (option "protoset": "b" not found beside the script or in the root of the test's files)`},
		{"a protoset that is none", `net.grpc("echo", "topas.test.Echo/Unary", {}, { protoset = "text" })`, `bad argument #4 to grpc (option "protoset": not a set of descriptors`},
		{"a .proto file that is not there", `net.grpc("echo", "topas.test.Echo/Unary", {}, { proto = "b.proto" })`,
			`bad argument #4 to grpc (option "proto": "b.proto" not found beside the script or in the root of the test's files)`},
		{"a .proto file that does not compile", `net.grpc("echo", "topas.test.Echo/Unary", {}, { proto = "api/wrong.proto" })`, `bad argument #4 to grpc (option "proto": api/wrong.proto:1:9: syntax error`},
		{"a .proto file that is no name", `net.grpc("echo", "topas.test.Echo/Unary", {}, { proto = { 1 } })`, `bad argument #4 to grpc (option "proto": want a file of the test, or a list of files)`},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			_, err := runWith(t, h, protos(t), c.script)
			if err == nil || !strings.HasPrefix(err.Error(), "test.lua:1: "+c.want) {
				t.Errorf("Run gave %v, want %s", err, c.want)
			}
		})
	}
}
