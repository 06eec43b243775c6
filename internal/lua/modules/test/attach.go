/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package test

import (
	"encoding/json"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/convert"
)

// maxAttachments bounds what a run may attach, in bytes.
const maxAttachments = 8 << 20

// Attachment is data that belongs to a case, or to the script.
type Attachment struct {
	// Case is the name of the case, "" for the script.
	Case       string
	Name, Type string
	Data       []byte
}

// attach keeps data with the case, and says so in the log.
func (m *Module) attach(L *lua.LState) int {
	a := Attachment{Case: m.current.name, Name: printable(L.CheckString(1))}
	var options struct {
		Type string `lua:"type"`
	}
	convert.CheckOptions(L, 3, &options)
	a.Type, a.Data = attached(L)
	if options.Type != "" {
		a.Type = options.Type
	}
	if m.attached+len(a.Data) > maxAttachments {
		L.RaiseError("attachment %q has %d bytes: all attachments of a run together may have %d, and there are %d already",
			a.Name, len(a.Data), maxAttachments, m.attached)
	}
	m.attached += len(a.Data)
	m.config.Recorder.Attach(a)
	m.write(fmt.Sprintf("ATTACH %s (%s, %d bytes)\n", a.Name, printable(a.Type), len(a.Data)))
	return 0
}

// attached is the data of an attachment: a text as it is, another value as JSON.
func attached(L *lua.LState) (string, []byte) {
	if text, ok := L.Get(2).(lua.LString); ok {
		return "text/plain", []byte(text)
	}
	value, err := convert.ToGo(L.CheckAny(2))
	if err != nil {
		L.ArgError(2, err.Error())
	}
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		L.ArgError(2, err.Error())
	}
	return "application/json", data
}

// logFunctions are test.log: each writes a line that begins with its level.
func (m *Module) logFunctions(L *lua.LState) *lua.LTable {
	functions := map[string]lua.LGFunction{}
	for _, level := range []string{"debug", "info", "warn", "error"} {
		functions[level] = func(L *lua.LState) int {
			m.write(strings.ToUpper(level) + " " + m.formatted(L, 1) + "\n")
			return 0
		}
	}
	return L.SetFuncs(L.NewTable(), functions)
}

func (m *Module) write(text string) {
	_, _ = m.config.Output.Write([]byte(text))
}
