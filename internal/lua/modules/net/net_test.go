/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	stdnet "net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	lua "github.com/yuin/gopher-lua"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"

	driver "github.com/topas-dev/topas/internal/driver/net"
	"github.com/topas-dev/topas/internal/lua/modules/net"
	"github.com/topas-dev/topas/internal/lua/vm"
	echopb "github.com/topas-dev/topas/test/apps/echo/proto"
)

// hosts are the services of a test by name, each with its address.
type hosts map[string]string

func (h hosts) Resolve(host string) (string, int32, bool) {
	target, port, err := stdnet.SplitHostPort(h[host])
	if err != nil {
		return "", 0, false
	}
	number, err := strconv.ParseInt(port, 10, 32)
	return target, int32(number), err == nil
}

// echoServer is the EchoService of a test.
type echoServer struct {
	echopb.UnimplementedEchoServiceServer
}

func (echoServer) Echo(ctx context.Context, request *echopb.EchoRequest) (*echopb.EchoResponse, error) {
	if request.GetMessage() == "" {
		return nil, status.Error(codes.InvalidArgument, "message is empty")
	}
	incoming, _ := metadata.FromIncomingContext(ctx)
	if err := grpc.SetHeader(ctx, metadata.Pairs("user", strings.Join(incoming.Get("user"), ","))); err != nil {
		return nil, err
	}
	return &echopb.EchoResponse{Message: request.GetMessage(), Tags: request.GetTags()}, nil
}

// serve starts a web frontend and an EchoService on the port that the scripts name.
func serve(t *testing.T) hosts {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(frontend))
	t.Cleanup(web.Close)

	listener, err := stdnet.Listen("tcp", "127.77.0.1:50051")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	echopb.RegisterEchoServiceServer(server, echoServer{})
	reflection.Register(server)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Errorf("serve gRPC: %v", err)
		}
	})
	return hosts{"frontend": web.Listener.Addr().String(), "mock-app-echo": listener.Addr().String()}
}

func frontend(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("X-Custom-Header", "yes")
	switch r.URL.Path {
	case "/api/users/alice":
		_, _ = fmt.Fprint(w, `{"name": "alice", "id": 12345678901234567890, "age": 7, "email": null, "tags": ["a", null]}`)
	case "/text":
		_, _ = fmt.Fprint(w, "hello, not JSON")
	case "/null":
		_, _ = fmt.Fprint(w, "null")
	case "/old":
		http.Redirect(w, r, "/text", http.StatusFound)
	case "/silent":
		<-r.Context().Done()
	case "/echo":
		_, _ = fmt.Fprintf(w, "%s %s|%s|%s|%s|%s", r.Method, r.URL.RawQuery, r.Header.Get("Content-Type"), r.Header.Get("Authorization"), r.Header.Get("X-Id"), body)
	default:
		http.Error(w, "nothing here", http.StatusNotFound)
	}
}

func run(t *testing.T, h hosts, script string) (string, error) {
	t.Helper()
	client := driver.NewClient(h)
	t.Cleanup(client.Close)
	var output bytes.Buffer
	machine := vm.New(vm.Config{Output: &output, Modules: map[string]lua.LGFunction{"net": net.New(client, nil).Loader}})
	defer machine.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := machine.Run(ctx, "test.lua", []byte(`local net = require("net") `+script))
	return output.String(), err
}

func TestCalls(t *testing.T) {
	h := serve(t)
	cases := []struct{ reason, script, want string }{
		{"the calls of the tutorial", `
			local resp = net.get("http://frontend/api/users/alice")          assert(resp.code == 200)
			local g = net.grpc("mock-app-echo:50051", "topas.EchoService/Echo", { message = "hello" })   assert(g.message == "hello")
			print(resp.json.name, g.message)`, "alice\thello\n"},
		{"a response has all of its fields", `
			local resp = net.get("http://frontend/text")
			print(resp.code, resp.status, resp.body, resp.url, resp.duration > 0 and resp.duration < 10, resp.nothing)
			print(resp.headers["X-Custom-Header"], resp.headers["x-custom-header"], resp.headers["content-type"], resp.headers.nothing)
			for name in pairs(resp.headers) do assert(name == name:lower()) end`,
			"200\t200 OK\thello, not JSON\thttp://frontend/text\ttrue\tnil\nyes\tyes\ttext/plain; charset=utf-8\tnil\n"},
		{"JSON keeps null and large integers, and is decoded once", `
			local user = net.get("http://frontend/api/users/alice")
			print(user.json.id, user.json.age + 1, user.json.email, #user.json.tags, user.json.tags[2], user.json == user.json)
			print(net.get("http://frontend/null").json)`, "12345678901234567890\t8\tnull\t2\tnull\ttrue\nnull\n"},
		{"a status is no error", `print(net.get("http://frontend/nope").code)`, "404\n"},
		{"every method", `
			for _, name in ipairs({"get", "post", "put", "patch", "delete", "options"}) do print((net[name]("http://frontend/echo").body)) end
			print(net.head("http://frontend/echo").code, net.request("PURGE", "http://frontend/echo").body)`,
			"GET ||||\nPOST ||||\nPUT ||||\nPATCH ||||\nDELETE ||||\nOPTIONS ||||\n200\tPURGE ||||\n"},
		{"options of a request", `
			print(net.post("http://frontend/echo?a=1", { query = { b = {1, "x y"}, c = true }, headers = { ["X-Id"] = 7 }, body = "raw", bearer = "t0ken" }).body)
			print(net.post("http://frontend/echo", { json = { a = {1, 2} }, auth = { user = "alice", password = "secret" } }).body)
			print(net.put("http://frontend/echo", { form = { a = "1 2", b = {"x", "y"} } }).body)
			print(net.post("http://frontend/echo", { json = false, headers = { ["content-type"] = "application/vnd.api+json" } }).body)`,
			"POST a=1&b=1&b=x+y&c=true||Bearer t0ken|7|raw\n" +
				"POST |application/json|Basic YWxpY2U6c2VjcmV0||{\"a\":[1,2]}\n" +
				"PUT |application/x-www-form-urlencoded|||a=1+2&b=x&b=y\n" +
				"POST |application/vnd.api+json|||false\n"},
		{"redirects are followed unless told otherwise", `
			print(net.get("http://frontend/old").code, net.get("http://frontend/old", { redirects = false }).code,
				net.get("http://frontend/old", { redirects = 1 }).url)`, "200\t302\thttp://frontend/text\n"},
		{"a gRPC call tells more in its second result", `
			local message, info = net.grpc("mock-app-echo", "topas.EchoService/Echo", { message = "hi", tags = {"a"} }, { metadata = { user = "alice" } })
			print(message.tags[1], message.greeting == "", info.status, info.status_name, info.message, info.headers.user, info.duration > 0)
			print(#net.grpc("mock-app-echo", "topas.EchoService/Echo", { message = "hi", tags = {} }).tags)`,
			"a\ttrue\t0\tOK\t\talice\ttrue\n0\n"},
		{"reflection is a stream itself", `
			local s = net.grpc_stream("mock-app-echo", "grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
			s:send({ list_services = "" })
			s:close_send()
			for answer in s:iter() do
				for _, service in ipairs(answer.list_services_response.service) do print(service.name) end
			end`, "grpc.reflection.v1.ServerReflection\ngrpc.reflection.v1alpha.ServerReflection\ntopas.EchoService\n"},
		{"a gRPC status is returned if asked for", `
			local message, info = net.grpc("mock-app-echo", "topas.EchoService/Echo", {}, { raise = false })
			print(message, info.status, info.status_name, info.message)`, "nil\t3\tINVALID_ARGUMENT\tmessage is empty\n"},
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

func TestErrors(t *testing.T) {
	h := serve(t)
	web, echo := " ("+h["frontend"]+")", " ("+h["mock-app-echo"]+")"
	cases := []struct{ reason, script, want string }{
		{"a status raises if asked to", `net.get("http://frontend/nope", { raise = true })`, `GET http://frontend/nope: 404 Not Found: "nothing here\n"`},
		{"no answer raises", `net.get("http://frontend/silent", { timeout = "50ms" })`,
			"GET http://frontend/silent" + web + ": no answer within 50ms: context deadline exceeded"},
		{"a body that is not JSON", `print(net.get("http://frontend/text").json)`,
			`http://frontend/text (200 OK): the body is not JSON: invalid character 'h' looking for beginning of value: "hello, not JSON"`},
		{"a body that is empty", `print(net.head("http://frontend/text").json)`, `http://frontend/text (200 OK): the body is not JSON: it is empty: ""`},
		{"an unknown option", `net.get("http://frontend/", { header = {} })`, `bad argument #2 to get (unknown option "header": did you mean "headers"?)`},
		{"an option of the wrong type", `net.get("http://frontend/", { timeout = 5 })`,
			`bad argument #2 to get (option "timeout": want a duration such as "500ms", "60s" or "5m", got the number 5)`},
		{"options that exclude each other", `net.post("http://frontend/", { json = {}, body = "" })`, `bad argument #2 to post (options "body", "json" and "form" exclude each other)`},
		{"a header that is no string", `net.get("http://frontend/", { headers = { a = { b = 1 } } })`,
			`bad argument #2 to get (option "headers.a": want a string, a number, true, false or a list of these)`},
		{"a number of redirects that is none", `net.get("http://frontend/", { redirects = "many" })`,
			`bad argument #2 to get (option "redirects": want true, false or how many to follow, 0 to 100, got many)`},
		{"JSON that can't be", `net.post("http://frontend/", { json = { f = print } })`, `bad argument #2 to post (option json: f: a function can't be used as a value)`},
		{"no URL", `net.get()`, `bad argument #1 to get (string expected, got nil)`},
		{"a gRPC status", `net.grpc("mock-app-echo:50051", "topas.EchoService/Echo")`, "mock-app-echo:50051 topas.EchoService/Echo: INVALID_ARGUMENT: message is empty"},
		{"an unknown gRPC method", `net.grpc("mock-app-echo:50051", "topas.EchoService/Eco", {})`,
			"gRPC mock-app-echo:50051 topas.EchoService/Eco" + echo + `: the service topas.EchoService has no method "Eco": it has Echo`},
		{"an unknown gRPC field, also with raise off", `net.grpc("mock-app-echo:50051", "topas.EchoService/Echo", { mesage = "x" }, { raise = false })`,
			"gRPC mock-app-echo:50051 topas.EchoService/Echo" + echo + `: the request topas.EchoRequest: unknown field "mesage": EchoRequest has message, tags`},
		{"a TLS option that is wrong", `net.grpc("mock-app-echo", "topas.EchoService/Echo", {}, { tls = { insecur = true } })`,
			`bad argument #4 to grpc (option tls: unknown option "insecur": did you mean "insecure"?)`},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			_, err := run(t, h, c.script)
			var got *vm.Error
			if !errors.As(err, &got) {
				t.Fatalf("Run gave %v, want an *Error", err)
			}
			want := &vm.Error{Kind: vm.Raised, File: "test.lua", Line: 1, Message: c.want}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(vm.Error{}, "Traceback")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
