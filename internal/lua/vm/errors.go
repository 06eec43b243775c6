/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package vm

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/convert"
)

// Kind is what a script failed of.
type Kind = convert.Kind

// The kinds, see convert.
const (
	Compile   = convert.Compile
	Assertion = convert.Assertion
	Raised    = convert.Raised
	Timeout   = convert.Timeout
	Canceled  = convert.Canceled
)

// Error is how a script ended that did not succeed.
type Error = convert.Failure

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
	if match == nil || vm.chunks[match[1]] == nil {
		return raised, strings.TrimLeft(text, " ")
	}
	line, err := strconv.Atoi(match[2])
	if err != nil {
		return raised, text
	}
	return position{file: match[1], line: line}, text[len(match[0]):]
}

// interruption tells what was going on when the context or a timeout ended.
func (vm *VM) interruption(doing *failure) *Error {
	kind, message := Canceled, "canceled"
	if errors.Is(doing.contextErr, context.DeadlineExceeded) {
		kind, message = Timeout, "timed out"
	}
	if doing.cause != nil {
		message = doing.cause.Error()
	}
	at, text := vm.splitPosition(messageOf(doing.value), doing.at)
	if doing.inside != "" {
		message += " in " + doing.inside + ": " + text
	}
	return &Error{Kind: kind, File: at.file, Line: at.line, Message: message, Traceback: doing.traceback}
}
