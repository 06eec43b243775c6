/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"errors"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	driver "github.com/topas-dev/topas/internal/driver/net"
	"github.com/topas-dev/topas/internal/lua/convert"
)

// grpcOptions are the options of a call.
type grpcOptions struct {
	Metadata map[string]string `lua:"metadata"`
	Timeout  time.Duration     `lua:"timeout"`
	TLS      lua.LValue        `lua:"tls"`
	Raise    *bool             `lua:"raise"`
}

// grpc calls a method and returns the response and what else is known of the call.
func (m *Module) grpc(L *lua.LState) int {
	var options grpcOptions
	convert.CheckOptions(L, 4, &options)
	call := driver.Call{
		Target: L.CheckString(1), Method: L.CheckString(2), Metadata: options.Metadata, Timeout: options.Timeout,
	}
	var err error
	if call.TLS, err = m.grpcTLS(options.TLS); err != nil {
		L.ArgError(4, err.Error())
	}
	if call.Message, err = convert.ToGo(L.OptTable(3, L.NewTable())); err != nil {
		L.ArgError(3, err.Error())
	}

	started := time.Now()
	reply, err := m.driver.Invoke(L.Context(), call)
	var refused *driver.StatusError
	answer := "no answer"
	if errors.As(err, &refused) {
		answer = refused.Reply.StatusName
	} else if err == nil {
		answer = reply.StatusName
	}
	note(L, "gRPC "+call.Target+" "+call.Method, answer, started)
	if refused != nil && options.Raise != nil && !*options.Raise {
		L.Push(lua.LNil)
		L.Push(callInfo(L, refused.Reply))
		return 2
	}
	if err != nil {
		convert.Raise(L, err)
	}
	L.Push(convert.ToLua(L, reply.Message))
	L.Push(callInfo(L, reply))
	return 2
}

func callInfo(L *lua.LState, reply *driver.Reply) lua.LValue {
	return convert.ToLua(L, map[string]any{
		"status":      reply.Status,
		"status_name": reply.StatusName,
		"message":     reply.StatusMessage,
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
