/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package vm

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// moduleName is "users", "helpers.users" or "helpers/users"; the last part may carry ".lua".
var moduleName = regexp.MustCompile(`^[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+)*$`)

// require returns the value of a module of the Config or of a Lua file, which is loaded once.
func (vm *VM) require(L *lua.LState) int {
	name := L.CheckString(1)
	if loader, ok := vm.config.Modules[name]; ok {
		return push(L, vm.requireModule(L, name, loader))
	}
	if !moduleName.MatchString(name) {
		L.RaiseError(`module "%s" not found: a module is named by letters, digits, "_" and "-", with "." or "/" between folders`, name)
	}
	path := strings.ReplaceAll(strings.TrimSuffix(name, ".lua"), ".", "/")
	if value, ok := vm.loaded[path]; ok {
		return push(L, value)
	}
	return push(L, vm.requireFile(L, name, path))
}

func (vm *VM) requireModule(L *lua.LState, name string, loader lua.LGFunction) lua.LValue {
	if value, ok := vm.loaded[name]; ok {
		return value
	}
	L.Push(L.NewFunction(loader))
	L.Push(lua.LString(name))
	L.Call(1, 1)
	value := L.Get(-1)
	L.Pop(1)
	vm.loaded[name] = value
	return value
}

func (vm *VM) requireFile(L *lua.LState, name, path string) lua.LValue {
	if start := slices.Index(vm.loading, path); start >= 0 {
		circle := append(slices.Clone(vm.loading[start:]), path)
		L.RaiseError(`module "%s" requires itself: %s`, name, strings.Join(circle, " -> "))
	}
	vm.loading = append(vm.loading, path)
	defer func() { vm.loading = vm.loading[:len(vm.loading)-1] }()

	file, source := vm.readModule(L, name, path)
	function, compileErr := vm.compileFile(L, file, source)
	if compileErr != nil {
		vm.compileError = compileErr
		L.Error(lua.LString(compileErr.Error()), 0)
	}
	L.Push(function)
	L.Push(lua.LString(name))
	L.Call(1, 1)
	value := L.Get(-1)
	L.Pop(1)
	if value == lua.LNil {
		value = lua.LTrue
	}
	vm.loaded[path] = value
	return value
}

// readModule reads path.lua, or path/init.lua if there is no such file.
func (vm *VM) readModule(L *lua.LState, name, path string) (string, []byte) {
	candidates := []string{path + ".lua", path + "/init.lua"}
	for _, file := range candidates {
		if vm.config.Files == nil {
			break
		}
		source, err := vm.config.Files.ReadFile(file)
		if err == nil {
			return file, source
		}
		if !errors.Is(err, fs.ErrNotExist) {
			L.RaiseError(`module "%s" can't be read: %s`, name, err.Error())
		}
	}
	L.RaiseError(`module "%s" not found: it is none of the modules %s, and there is no file %s`,
		name, strings.Join(vm.moduleNames(), ", "), strings.Join(candidates, " or "))
	return "", nil
}

func (vm *VM) moduleNames() []string {
	names := []string{}
	for name := range vm.config.Modules {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// load compiles the pieces that a function returns, until it returns nil or "".
func load(L *lua.LState) int {
	reader := L.CheckFunction(1)
	name := L.OptString(2, "=(load)")
	var source []byte
	for {
		L.Push(reader)
		L.Call(0, 1)
		piece := L.Get(-1)
		L.Pop(1)
		if piece == lua.LNil || piece == lua.LString("") {
			return loadSource(L, name, source)
		}
		if !lua.LVCanConvToString(piece) {
			return push(L, lua.LNil, lua.LString("reader function must return a string"))
		}
		source = append(source, piece.String()...)
		if len(source) > maxSource {
			return loadSource(L, name, source)
		}
	}
}

func loadString(L *lua.LState) int {
	source := L.CheckString(1)
	return loadSource(L, L.OptString(2, `[string "`+firstLine(source)+`"]`), []byte(source))
}

func loadSource(L *lua.LState, name string, source []byte) int {
	function, err := compile(L, strings.TrimLeft(name, "=@"), source)
	if err != nil {
		return push(L, lua.LNil, lua.LString(err.Error()))
	}
	return push(L, function)
}

func firstLine(source string) string {
	line, rest, _ := strings.Cut(source, "\n")
	if rest != "" || len(line) > 60 {
		return fmt.Sprintf("%.60s...", line)
	}
	return line
}
