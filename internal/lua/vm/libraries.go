/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package vm

import (
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/convert"
)

// maxString bounds the strings that string.rep and table.concat make, in bytes.
const maxString = 16 * 1024 * 1024

// allowedOS are the functions of the os library that a script has as they are.
var allowedOS = []string{"clock", "date", "difftime", "time"}

// removedGlobals are the base functions that reach files, print the interpreter's insides or are of no use without
// the package library.
var removedGlobals = []string{"dofile", "loadfile", "module", "newproxy", "_printregs"}

func (vm *VM) openLibraries() {
	L := vm.state
	for _, open := range []lua.LGFunction{
		lua.OpenBase, lua.OpenTable, lua.OpenString, lua.OpenMath, lua.OpenCoroutine, lua.OpenOs,
	} {
		L.Push(L.NewFunction(open))
		L.Call(0, 0)
	}
	for _, name := range removedGlobals {
		L.SetGlobal(name, lua.LNil)
	}
	vm.replace(L.G.Global, map[string]lua.LGFunction{
		"assert":         assert,
		"collectgarbage": collectGarbage,
		"error":          raise,
		"load":           load,
		"loadstring":     loadString,
		"pcall":          vm.pcall,
		"print":          vm.print,
		"require":        vm.require,
		"xpcall":         vm.xpcall,
	})
	vm.replace(L.GetGlobal("string"), map[string]lua.LGFunction{"rep": stringRep})
	vm.replace(L.GetGlobal("table"), map[string]lua.LGFunction{"concat": tableConcat})
	vm.openCoroutine(L.GetGlobal("coroutine").(*lua.LTable))
	keepOnly(L.GetGlobal("os").(*lua.LTable), allowedOS)
	vm.replace(L.GetGlobal("os"), map[string]lua.LGFunction{"getenv": vm.getenv})
}

func (vm *VM) replace(library lua.LValue, functions map[string]lua.LGFunction) {
	vm.state.SetFuncs(library.(*lua.LTable), functions)
}

func keepOnly(library *lua.LTable, names []string) {
	var others []string
	library.ForEach(func(key, _ lua.LValue) {
		if !slices.Contains(names, key.String()) {
			others = append(others, key.String())
		}
	})
	for _, name := range others {
		library.RawSetString(name, lua.LNil)
	}
}

// assert raises its message as it is, with no position, and remembers that it was an assertion.
func assert(L *lua.LState) int {
	if lua.LVAsBool(L.CheckAny(1)) {
		return L.GetTop()
	}
	message := L.Get(2)
	if message == lua.LNil {
		message = lua.LString("assertion failed!")
	}
	convert.MarkAssertion(L, message)
	L.Error(message, 0)
	return 0
}

// raise is error(value [, level]). Like Lua's, and unlike gopher-lua's, it puts no position in front of the message
// if the function at the level is not Lua code.
func raise(L *lua.LState) int {
	value, level := L.Get(1), L.OptInt(2, 1)
	text, isString := value.(lua.LString)
	if isString && level > 0 {
		if f, ok := frameAt(L, level); ok {
			if at, ok := f.position(); ok {
				value = lua.LString(at.String() + ": " + string(text))
			}
		}
	}
	L.Error(value, 0)
	return 0
}

// print writes one line at once, so that a log shows it while the script goes on.
func (vm *VM) print(L *lua.LState) int {
	var line strings.Builder
	for i := 1; i <= L.GetTop(); i++ {
		if i > 1 {
			line.WriteByte('\t')
		}
		line.WriteString(L.ToStringMeta(L.Get(i)).String())
	}
	line.WriteByte('\n')
	if _, err := vm.config.Output.Write([]byte(line.String())); err != nil {
		L.RaiseError("print: %s", err.Error())
	}
	return 0
}

// getenv gives a parameter of the run, or nil.
func (vm *VM) getenv(L *lua.LState) int {
	value, ok := vm.config.Params[L.CheckString(1)]
	if !ok {
		return push(L, lua.LNil)
	}
	return push(L, lua.LString(value))
}

// collectGarbage does nothing: the memory is Go's, and a forced collection would stop every script of the process.
func collectGarbage(L *lua.LState) int {
	return push(L, lua.LNumber(0))
}

func stringRep(L *lua.LState) int {
	text, times := L.CheckString(1), max(L.CheckInt(2), 0)
	if len(text) > 0 && times > maxString/len(text) {
		L.RaiseError("string.rep: the result would have more than %d bytes", maxString)
	}
	return push(L, lua.LString(strings.Repeat(text, times)))
}

func tableConcat(L *lua.LState) int {
	table, separator := L.CheckTable(1), L.OptString(2, "")
	from, to := L.OptInt(3, 1), L.OptInt(4, table.Len())
	var text strings.Builder
	for i := from; i <= to; i++ {
		item := table.RawGetInt(i)
		if !lua.LVCanConvToString(item) {
			L.RaiseError("invalid value (%s) at index %d in table for 'concat'", item.Type().String(), i)
		}
		text.WriteString(item.String())
		if i < to {
			text.WriteString(separator)
		}
		if text.Len() > maxString {
			L.RaiseError("table.concat: the result would have more than %d bytes", maxString)
		}
	}
	return push(L, lua.LString(text.String()))
}
