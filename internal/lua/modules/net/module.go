/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package net is the Lua module "net": HTTP requests and gRPC calls.
//
//	net.request(method, url [, opts]) --> resp
//	net.get|post|put|patch|delete|head|options(url [, opts]) --> resp
//	net.grpc(target, "package.Service/Method" [, message [, opts]]) --> message, info
//	net.grpc_stream(target, "package.Service/Method" [, opts]) --> stream
//	stream:send(message) --> bool   stream:close_send()   stream:recv() --> message, info   stream:iter()
//
// Whatever status a server answers with is returned; having no answer raises. A gRPC status other than OK raises too,
// unless the option raise is false.
package net

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"strings"

	lua "github.com/yuin/gopher-lua"

	driver "github.com/topas-dev/topas/internal/driver/net"
)

// Driver makes the requests and calls; *driver.Client is one.
type Driver interface {
	Do(context.Context, driver.Request) (*driver.Response, error)
	Invoke(context.Context, driver.Call) (*driver.Reply, error)
	Open(context.Context, driver.Call) (*driver.Stream, error)
}

// Files reads the files of the test. A file that is not there is fs.ErrNotExist.
type Files interface {
	ReadFile(name string) ([]byte, error)
}

// Module is the module for the VM of one run: it keeps the run's cookies, and what its .proto files say.
type Module struct {
	driver  Driver
	files   Files
	jar     http.CookieJar
	schemas map[string]*driver.Schema
}

// New returns a module that uses a driver and the files of a test.
func New(d Driver, files Files) *Module {
	// Only options can be wrong, and there are none.
	jar, _ := cookiejar.New(nil)
	return &Module{driver: d, files: files, jar: jar, schemas: map[string]*driver.Schema{}}
}

// Loader makes the module's table, for require.
func (m *Module) Loader(L *lua.LState) int {
	// Stored in the registry by name, where newResponse finds it.
	L.NewTypeMetatable(responseType).RawSetString("__index", L.NewFunction(responseField))
	L.NewTypeMetatable(headersType).RawSetString("__index", L.NewFunction(headerField))
	loadStreams(L)

	functions := map[string]lua.LGFunction{
		"request":     func(L *lua.LState) int { return m.request(L, L.CheckString(1), 2) },
		"grpc":        m.grpc,
		"grpc_stream": m.grpcStream,
	}
	for _, method := range []string{"get", "post", "put", "patch", "delete", "head", "options"} {
		functions[method] = func(L *lua.LState) int { return m.request(L, strings.ToUpper(method), 1) }
	}
	L.Push(L.SetFuncs(L.NewTable(), functions))
	return 1
}
