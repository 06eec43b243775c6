/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package vm

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// maxSource bounds the size of a script, of a required file and of what load is given, in bytes.
const maxSource = 256 * 1024

// compileFile makes a function of a file's content.
func (vm *VM) compileFile(L *lua.LState, name string, source []byte) (*lua.LFunction, *Error) {
	vm.chunks[name] = append([]byte{}, source...)
	return compile(L, name, withoutShebang(source))
}

// sourceLine is the source of a line that was compiled.
func (vm *VM) sourceLine(file string, line int) string {
	n := 0
	for text := range bytes.Lines(vm.chunks[file]) {
		if n++; n == line {
			return string(text)
		}
	}
	return ""
}

// compile makes a function of source text. What would take the whole process down while it is compiled is refused.
func compile(L *lua.LState, name string, source []byte) (function *lua.LFunction, failed *Error) {
	defer func() {
		if caught := recover(); caught != nil {
			failed = &Error{Kind: Compile, File: name, Line: 1, Message: fmt.Sprintf("the compiler broke down: %v", caught)}
		}
	}()
	if len(source) > maxSource {
		return nil, &Error{Kind: Compile, File: name, Line: 1, Message: fmt.Sprintf(
			"the source has %d bytes, more than the %d that are allowed: move data into files of its own", len(source), maxSource)}
	}
	chunk, err := parse.Parse(bytes.NewReader(source), name)
	if err != nil {
		return nil, syntaxError(name, source, err)
	}
	if line, why := tooComplex(chunk); line > 0 {
		return nil, &Error{Kind: Compile, File: name, Line: line, Message: why}
	}
	proto, err := lua.Compile(chunk, name)
	if err != nil {
		return nil, syntaxError(name, source, err)
	}
	return L.NewFunctionFromProto(proto), nil
}

// withoutShebang blanks a first line such as "#!/usr/bin/env lua", as Lua does.
func withoutShebang(source []byte) []byte {
	if !bytes.HasPrefix(source, []byte("#")) {
		return source
	}
	end := bytes.IndexByte(source, '\n')
	if end < 0 {
		return nil
	}
	return source[end:]
}

func syntaxError(name string, source []byte, err error) *Error {
	failed := &Error{Kind: Compile, File: name, Line: 1, Message: strings.TrimSpace(err.Error())}
	var parseErr *parse.Error
	var compileErr *lua.CompileError
	switch {
	case errors.As(err, &parseErr) && parseErr.Pos.Line == parse.EOF:
		failed.Line = 1 + bytes.Count(bytes.TrimRight(source, "\r\n"), []byte("\n"))
		failed.Message = strings.TrimSpace(parseErr.Message) + " near the end of the file"
	case errors.As(err, &parseErr):
		failed.Line = parseErr.Pos.Line
		failed.Message = fmt.Sprintf("%s near '%s'", strings.TrimSpace(parseErr.Message), shorten(parseErr.Token))
	case errors.As(err, &compileErr):
		// Some errors are those of a whole function, and have no line.
		failed.Line, failed.Message = max(compileErr.Line, 1), compileErr.Message
	}
	return failed
}

func shorten(token string) string {
	const most = 60
	if len(token) <= most {
		return token
	}
	return token[:most] + "..."
}
