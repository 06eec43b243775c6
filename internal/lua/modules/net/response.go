/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	lua "github.com/yuin/gopher-lua"

	driver "github.com/topas-dev/topas/internal/driver/net"
	"github.com/topas-dev/topas/internal/lua/convert"
)

// Names of the metatables in the registry.
const (
	responseType = "net.response"
	headersType  = "net.headers"
)

// newResponse is the response as scripts have it: code, status, body, headers, url, duration in seconds, and json,
// which is decoded when it is first asked for.
func newResponse(L *lua.LState, response *driver.Response) *lua.LTable {
	table := L.CreateTable(0, 7)
	table.RawSetString("code", lua.LNumber(response.Code))
	table.RawSetString("status", lua.LString(response.Status))
	table.RawSetString("body", lua.LString(response.Body))
	table.RawSetString("headers", newHeaders(L, response.Headers))
	table.RawSetString("url", lua.LString(response.URL))
	table.RawSetString("duration", lua.LNumber(response.Duration.Seconds()))
	table.Metatable = L.NewTypeMetatable(responseType)
	return table
}

// newHeaders holds the headers by lower-case names; other spellings are found through the metatable.
func newHeaders(L *lua.LState, headers http.Header) *lua.LTable {
	table := L.CreateTable(0, len(headers))
	for name, values := range headers {
		table.RawSetString(strings.ToLower(name), lua.LString(strings.Join(values, ", ")))
	}
	table.Metatable = L.NewTypeMetatable(headersType)
	return table
}

func headerField(L *lua.LState) int {
	table, name := L.CheckTable(1), L.CheckString(2)
	L.Push(table.RawGetString(strings.ToLower(name)))
	return 1
}

// responseField is asked for fields that a response does not have, or not yet.
func responseField(L *lua.LState) int {
	response, name := L.CheckTable(1), L.CheckString(2)
	if name != "json" {
		L.Push(lua.LNil)
		return 1
	}
	body := []byte(lua.LVAsString(response.RawGetString("body")))
	decoded, err := decode(body)
	if err != nil {
		convert.Raise(L, fmt.Errorf("%s (%s): the body is not JSON: %w: %s",
			response.RawGetString("url"), response.RawGetString("status"), err, excerpt(body)))
	}
	value := convert.ToLua(L, decoded)
	if value == lua.LNil {
		value = convert.Null
	}
	response.RawSetString("json", value)
	L.Push(value)
	return 1
}

func decode(body []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	// Integers keep their digits; convert.ToLua knows which fit into a Lua number.
	decoder.UseNumber()
	var decoded any
	if err := decoder.Decode(&decoded); errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	} else if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON value")
	}
	return decoded, nil
}

// excerpt is the beginning of a body, for errors.
func excerpt(body []byte) string {
	const most = 200
	text := strings.ToValidUTF8(string(body[:min(len(body), most)]), "\uFFFD")
	if len(body) > most {
		text += fmt.Sprintf("... (%d bytes)", len(body))
	}
	return fmt.Sprintf("%q", text)
}
