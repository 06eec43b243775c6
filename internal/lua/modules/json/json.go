/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package json is the Lua module "json".
package json

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/convert"
)

// Loader is the module's loader for require:
//
//	json.decode(text) --> value              -- null becomes json.null inside of a list or object
//	json.encode(value [, { indent = 2 }]) --> text
func Loader(L *lua.LState) int {
	table := L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{"decode": decode, "encode": encode})
	table.RawSetString("null", convert.Null)
	L.Push(table)
	return 1
}

func decode(L *lua.LState) int {
	text := L.CheckString(1)
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	if err == nil {
		if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is more behind the value")
		}
	}
	if err != nil {
		convert.Raise(L, fmt.Errorf("json.decode: %w%s", err, place(text, decoder.InputOffset(), err)))
	}
	L.Push(convert.ToLua(L, value))
	return 1
}

// place says where in the text decoding stopped.
func place(text string, offset int64, err error) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = max(syntax.Offset-1, 0)
	}
	before := text[:min(int(offset), len(text))]
	line := 1 + strings.Count(before, "\n")
	return fmt.Sprintf(" (line %d, column %d)", line, len(before)-strings.LastIndex(before, "\n"))
}

func encode(L *lua.LState) int {
	var options struct {
		Indent int `lua:"indent"`
	}
	convert.CheckOptions(L, 2, &options)
	if options.Indent < 0 || options.Indent > 16 {
		L.ArgError(2, fmt.Sprintf("indent is %d, must be 0 to 16", options.Indent))
	}
	value, err := convert.ToGo(L.CheckAny(1))
	if err != nil {
		L.ArgError(1, err.Error())
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", strings.Repeat(" ", options.Indent))
	if err := encoder.Encode(value); err != nil {
		L.ArgError(1, err.Error())
	}
	L.Push(lua.LString(strings.TrimSuffix(text.String(), "\n")))
	return 1
}
