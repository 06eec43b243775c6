/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"errors"
	"fmt"
	"io"
	"time"

	lua "github.com/yuin/gopher-lua"

	driver "github.com/topas-dev/topas/internal/driver/net"
	"github.com/topas-dev/topas/internal/lua/convert"
)

// streamType is the name of the metatable of streams in the registry.
const streamType = "net.stream"

// stream is a stream as a script has it.
type stream struct {
	*driver.Stream
	call    driver.Call
	raise   bool
	started time.Time
}

var streamMethods = map[string]func(*lua.LState, *stream) int{
	"send": send, "close_send": closeSend, "recv": recv, "iter": iter,
}

func loadStreams(L *lua.LState) {
	methods := L.NewTable()
	for name, method := range streamMethods {
		methods.RawSetString(name, L.NewFunction(func(L *lua.LState) int { return method(L, checkStream(L, name)) }))
	}
	metatable := L.NewTypeMetatable(streamType)
	metatable.RawSetString("__index", methods)
	metatable.RawSetString("__metatable", lua.LString(streamType))
}

// checkStream is the stream that a method was called on.
func checkStream(L *lua.LState, method string) *stream {
	if userdata, ok := L.Get(1).(*lua.LUserData); ok {
		if s, ok := userdata.Value.(*stream); ok {
			return s
		}
	}
	L.ArgError(1, "want a stream: write stream:"+method+"(...), with a colon")
	return nil
}

// grpcStream begins a stream.
func (m *Module) grpcStream(L *lua.LState) int {
	s := &stream{started: time.Now()}
	s.call, s.raise = m.call(L, 3)
	var err error
	if s.Stream, err = m.driver.Open(L.Context(), s.call); err != nil {
		if errors.Is(err, driver.ErrUnary) {
			err = fmt.Errorf("%w: call net.grpc", err)
		}
		s.failed(L, err)
	}
	L.Push(&lua.LUserData{Value: s, Metatable: L.NewTypeMetatable(streamType)})
	return 1
}

// send returns whether the server takes any more.
func send(L *lua.LState, s *stream) int {
	message, err := convert.ToGo(L.Get(2))
	if err != nil {
		L.ArgError(2, err.Error())
	}
	sent, err := s.Send(L.Context(), message)
	if err != nil {
		s.failed(L, err)
	}
	L.Push(lua.LBool(sent))
	return 1
}

func closeSend(L *lua.LState, s *stream) int {
	if err := s.CloseSend(); err != nil {
		s.failed(L, err)
	}
	return 0
}

// recv returns a message, or nil at the end of the stream, and what is known of the call once it has ended.
func recv(L *lua.LState, s *stream) int {
	message, err := s.Recv(L.Context())
	var refused *driver.StatusError
	switch {
	case err == nil:
		L.Push(received(L, message))
	case errors.Is(err, io.EOF), errors.As(err, &refused) && !s.raise:
		L.Push(lua.LNil)
	default:
		s.failed(L, err)
	}
	if s.Reply() == nil {
		return 1
	}
	note(L, callName(s.call), s.Reply().StatusName, s.started)
	L.Push(callInfo(L, s.Reply()))
	return 2
}

// received is a message. Nil is the end of the stream, so that a message that is null by itself is Null.
func received(L *lua.LState, message any) lua.LValue {
	if value := convert.ToLua(L, message); value != lua.LNil {
		return value
	}
	return convert.Null
}

// iter is for "for message in stream:iter() do".
func iter(L *lua.LState, s *stream) int {
	L.Push(L.NewFunction(func(L *lua.LState) int { return recv(L, s) }))
	return 1
}

func (s *stream) failed(L *lua.LState, err error) {
	noteCall(L, s.call, err, s.started)
	convert.Raise(L, err)
}
