/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package vm

import (
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// position is a line of Lua; the zero value is none.
type position struct {
	file string
	line int
}

func (p position) String() string {
	return fmt.Sprintf("%s:%d", p.file, p.line)
}

// maxTraceback bounds the lines of a traceback. Of a longer one, the middle is left out.
const maxTraceback = 20

// frame is one running function.
type frame struct {
	debug    *lua.Debug
	function *lua.LFunction
}

// frameAt returns the function at a level of a coroutine's stack, 0 being the one that runs.
func frameAt(L *lua.LState, level int) (frame, bool) {
	debug, ok := L.GetStack(level)
	if !ok {
		return frame{}, false
	}
	function, err := L.GetInfo("nSlf", debug, lua.LNil)
	if err != nil {
		return frame{}, false
	}
	return frame{debug: debug, function: function.(*lua.LFunction)}, true
}

func (f frame) position() (position, bool) {
	if f.function.IsG || f.debug.CurrentLine <= 0 {
		return position{}, false
	}
	return position{file: f.debug.Source, line: f.debug.CurrentLine}, true
}

// frames yields the running functions of a coroutine and of those that called or resumed it, innermost first.
func (vm *VM) frames(L *lua.LState) func(yield func(frame) bool) {
	return func(yield func(frame) bool) {
		for ; L != nil; L = vm.callerOf(L) {
			for level := 0; ; level++ {
				f, ok := frameAt(L, level)
				if !ok {
					break
				}
				if !yield(f) {
					return
				}
			}
		}
	}
}

func (vm *VM) callerOf(L *lua.LState) *lua.LState {
	if caller, ok := vm.calls[L]; ok {
		return caller
	}
	return L.Parent
}

// positionOf is the innermost line of Lua that runs.
func (vm *VM) positionOf(L *lua.LState) position {
	for f := range vm.frames(L) {
		if at, ok := f.position(); ok {
			return at
		}
	}
	return position{}
}

// runningFunction is the name of the module's function that runs innermost, "" if that is something else.
func (vm *VM) runningFunction(L *lua.LState) string {
	for f := range vm.frames(L) {
		return vm.moduleFunction(f)
	}
	return ""
}

func (vm *VM) tracebackOf(L *lua.LState) string {
	var lines []string
	for f := range vm.frames(L) {
		lines = append(lines, vm.tracebackLine(f))
	}
	if left := len(lines) - maxTraceback; left > 0 {
		half := maxTraceback / 2
		lines = append(append(lines[:half:half], fmt.Sprintf("... (%d more)", left)), lines[len(lines)-half:]...)
	}
	return strings.Join(lines, "\n")
}

func (vm *VM) tracebackLine(f frame) string {
	if at, ok := f.position(); ok {
		if f.function.Proto.LineDefined == 0 {
			return at.String() + ": in main chunk"
		}
		return fmt.Sprintf("%s: in function %s", at, vm.nameOf(f))
	}
	return "[Go]: in function " + vm.nameOf(f)
}

// nameOf is the name of a running function: for one of a module the one that the module gives it, such as
// "net.get", else the one that it was called by.
func (vm *VM) nameOf(f frame) string {
	if name := vm.moduleFunction(f); name != "" {
		return name
	}
	if name := f.debug.Name; name != "" && name != "main chunk" && name != "corountine" {
		return name
	}
	return "?"
}

func (vm *VM) moduleFunction(f frame) string {
	if !f.function.IsG {
		return ""
	}
	for module, value := range vm.loaded {
		if name := fieldHolding(value, f.function); name != "" {
			return module + "." + name
		}
	}
	return ""
}

// fieldHolding is the name of the field of a table that holds a function, "" if there is none.
func fieldHolding(value lua.LValue, function *lua.LFunction) string {
	table, ok := value.(*lua.LTable)
	if !ok {
		return ""
	}
	name := ""
	table.ForEach(func(key, field lua.LValue) {
		if field == lua.LValue(function) && key.Type() == lua.LTString {
			name = key.String()
		}
	})
	return name
}
