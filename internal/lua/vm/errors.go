/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package vm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/convert"
)

// Kind is what a script failed of.
type Kind string

const (
	// Compile means that the script, or a file that it requires, is not valid Lua.
	Compile Kind = "Compile"
	// Assertion means that assert, or a module's own assertion, did not hold.
	Assertion Kind = "Assertion"
	// Raised means that the script, a library or a module raised an error.
	Raised Kind = "Raised"
	// Timeout means that the timeout of the script, or the context's deadline, passed.
	Timeout Kind = "Timeout"
	// Canceled means that the context was canceled.
	Canceled Kind = "Canceled"
)

// Error is how a script ended that did not succeed.
type Error struct {
	Kind Kind
	// File and Line are where the error was raised: the innermost line of Lua, or what the message itself named.
	// File is "" and Line 0 if no Lua was running.
	File string
	Line int
	// Message says what happened, without the position.
	Message string
	// Traceback lists the calls that led there, innermost first, a line each. It is "" for a Compile error of the script.
	Traceback string
}

// Error is the position and the message, such as "upgrade_test.lua:12: assertion failed!".
func (e *Error) Error() string {
	if e.File == "" {
		return e.Message
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message)
}

// messageOf is the text of an error value. Tables are shown as JSON, which tells more than their address.
func messageOf(value lua.LValue) string {
	table, ok := value.(*lua.LTable)
	if !ok {
		return value.String()
	}
	converted, err := convert.ToGo(table)
	if err != nil {
		return "an error value of type table (" + err.Error() + ")"
	}
	text, err := json.Marshal(converted)
	if err != nil {
		return "an error value of type table (" + err.Error() + ")"
	}
	return string(text)
}

var leadingPosition = regexp.MustCompile(`^([^\n:]+):(\d+): ?`)

// splitPosition takes the position off the front of a message. The message's own position wins over the one where
// the error was raised: error("...", 2) blames the caller.
func (vm *VM) splitPosition(text string, raised position) (position, string) {
	if rest, ok := strings.CutPrefix(text, raised.String()+":"); ok {
		return raised, strings.TrimLeft(rest, " ")
	}
	match := leadingPosition.FindStringSubmatch(text)
	if match == nil || !vm.chunks[match[1]] {
		return raised, strings.TrimLeft(text, " ")
	}
	line, err := strconv.Atoi(match[2])
	if err != nil {
		return raised, text
	}
	return position{file: match[1], line: line}, text[len(match[0]):]
}

// interruption tells what was going on when the context or the timeout ended.
func (vm *VM) interruption() *Error {
	doing := vm.interrupted
	kind, message := Canceled, "canceled"
	if errors.Is(doing.contextErr, context.DeadlineExceeded) {
		kind, message = Timeout, "timed out"
		if vm.config.Timeout > 0 {
			message += " after " + vm.config.Timeout.String()
		}
	}
	at, text := vm.splitPosition(messageOf(doing.value), doing.at)
	if doing.inside != "" {
		message += " in " + doing.inside + ": " + text
	}
	return &Error{Kind: kind, File: at.file, Line: at.line, Message: message, Traceback: doing.traceback}
}
