/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"errors"
	"fmt"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	driver "github.com/topas-dev/topas/internal/driver/net"
	"github.com/topas-dev/topas/internal/lua/convert"
)

// grpcOptions are the options of a call.
type grpcOptions struct {
	Metadata map[string]any `lua:"metadata"`
	Timeout  time.Duration  `lua:"timeout"`
	TLS      lua.LValue     `lua:"tls"`
	Protoset string         `lua:"protoset"`
	Proto    any            `lua:"proto"`
	Raise    *bool          `lua:"raise"`
}

// grpc calls a method and returns the response and what else is known of the call.
func (m *Module) grpc(L *lua.LState) int {
	call, raise := m.call(L, 4)
	var err error
	if call.Message, err = convert.ToGo(L.Get(3)); err != nil {
		L.ArgError(3, err.Error())
	}
	started := time.Now()
	reply, err := m.driver.Invoke(L.Context(), call)
	noteCall(L, call, err, started)
	var refused *driver.StatusError
	if errors.As(err, &refused) && !raise {
		L.Push(lua.LNil)
		L.Push(callInfo(L, refused.Reply))
		return 2
	}
	if errors.Is(err, driver.ErrStream) {
		err = fmt.Errorf("%w: call net.grpc_stream", err)
	}
	if err != nil {
		convert.Raise(L, err)
	}
	L.Push(convert.ToLua(L, reply.Message))
	L.Push(callInfo(L, reply))
	return 2
}

// call reads the target, the method and, from the argument n, the options of a call.
func (m *Module) call(L *lua.LState, n int) (call driver.Call, raise bool) {
	call = driver.Call{Target: L.CheckString(1), Method: L.CheckString(2)}
	var options grpcOptions
	convert.CheckOptions(L, n, &options)
	call.Timeout = options.Timeout
	var err error
	if call.Metadata, err = values("metadata", options.Metadata); err != nil {
		L.ArgError(n, err.Error())
	}
	if call.TLS, err = m.grpcTLS(options.TLS); err != nil {
		L.ArgError(n, err.Error())
	}
	if call.Schema, err = m.schema(options); err != nil {
		L.ArgError(n, err.Error())
	}
	return call, options.Raise == nil || *options.Raise
}

// noteCall keeps what became of a call, for what fails after it.
func noteCall(L *lua.LState, call driver.Call, err error, started time.Time) {
	answer := "OK"
	var refused *driver.StatusError
	if errors.As(err, &refused) {
		answer = refused.Reply.StatusName
	} else if err != nil {
		answer = "no answer"
	}
	note(L, callName(call), answer, started)
}

func callName(call driver.Call) string {
	return "gRPC " + call.Target + " " + call.Method
}

func callInfo(L *lua.LState, reply *driver.Reply) lua.LValue {
	return convert.ToLua(L, map[string]any{
		"status":      reply.Status,
		"status_name": reply.StatusName,
		"message":     reply.StatusMessage,
		"details":     reply.Details,
		"headers":     joined(reply.Headers),
		"trailers":    joined(reply.Trailers),
		"duration":    reply.Duration.Seconds(),
	})
}

func joined(values map[string][]string) map[string]any {
	fields := make(map[string]any, len(values))
	for name, list := range values {
		fields[name] = strings.Join(list, ", ")
	}
	return fields
}
