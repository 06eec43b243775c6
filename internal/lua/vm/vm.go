/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package vm runs Lua scripts in a sandbox: an allow-list of libraries, bounds on what a script may take, cancellation
// that scripts can't catch, and errors that name the file and line.
//
// A script has string, table, math, coroutine, os.time, os.date, os.clock and os.difftime, the base functions without
// dofile and loadfile, and require for the modules of the Config and for .lua files. There is no io, debug, package or
// other access to the machine.
package vm

import (
	"context"
	"fmt"
	"io"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/convert"
)

// Bounds on the stacks of a script. The registry holds the values of all running functions of a coroutine.
const (
	registrySize     = 512
	registryMaxSize  = 64 * 1024
	registryGrowStep = 4096
	callStackSize    = 256
)

// Files reads the files that a script requires.
type Files interface {
	// ReadFile returns the content of a file by its slash-separated path, such as "helpers/users.lua", and an error
	// that is fs.ErrNotExist if there is none.
	ReadFile(name string) ([]byte, error)
}

// Config says what a script has beside the libraries, and how long it may run.
type Config struct {
	// Modules are what the script can require by name. A loader is called once, at the first require.
	Modules map[string]lua.LGFunction
	// Files are the Lua files that the script can require; nil means none.
	Files Files
	// Params are what os.getenv gives to the script; nothing of the machine's environment is.
	Params map[string]string
	// Output takes the lines of print, with one Write each; nil discards them.
	Output io.Writer
	// Timeout is how long a script may run; 0 means until its context ends.
	Timeout time.Duration
}

// VM is a Lua state for the scripts of one run. It is used by one goroutine at a time.
type VM struct {
	state  *lua.LState
	config Config

	// loaded are the values of the modules and files that were required.
	loaded map[string]lua.LValue
	// loading are the names of the files being loaded, the first one that was required first.
	loading []string
	// chunks are the sources of all files by their names, which tell a position at the front of a message from other text.
	chunks map[string][]byte

	// calls are the running protected calls, and resumed the number of running coroutines: both nest on Go's stack.
	calls   map[*lua.LState]*lua.LState
	resumed int
	// free are the coroutines of protected calls that are done.
	free []*lua.LState

	// origin is where the error came from that is on its way out of a wrapped coroutine.
	origin *failure
	// interrupted is what was going on when the context ended.
	interrupted *failure
	// compileError is the last file that was required and did not compile.
	compileError *Error
}

// New makes a VM. Close must be called when it is no longer needed.
func New(config Config) *VM {
	if config.Output == nil {
		config.Output = io.Discard
	}
	vm := &VM{
		config: config,
		loaded: map[string]lua.LValue{},
		chunks: map[string][]byte{},
		calls:  map[*lua.LState]*lua.LState{},
		state: lua.NewState(lua.Options{
			SkipOpenLibs:        true,
			RegistrySize:        registrySize,
			RegistryMaxSize:     registryMaxSize,
			RegistryGrowStep:    registryGrowStep,
			CallStackSize:       callStackSize,
			MinimizeStackMemory: true,
		}),
	}
	vm.openLibraries()
	convert.SetProtector(vm.state, vm.protect)
	convert.SetSource(vm.state, vm.sourceLine)
	return vm
}

// Close frees the state. What the modules hold is theirs to close.
func (vm *VM) Close() {
	vm.state.Close()
}

// Run compiles and runs a script. Its chunk name, such as "upgrade_test.lua", is the file in errors and tracebacks.
// When the context or the timeout ends, so does the script. The error is nil or an *Error.
func (vm *VM) Run(ctx context.Context, chunkName string, source []byte) error {
	if vm.config.Timeout > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, vm.config.Timeout, fmt.Errorf("timed out after %s", vm.config.Timeout))
		defer cancel()
		ctx = limited
	}
	function, compileErr := vm.compileFile(vm.state, chunkName, source)
	if compileErr != nil {
		return compileErr
	}
	return vm.execute(ctx, function)
}

// Do runs a Go function as Run runs a script, such as what a module has to do when the script is over.
func (vm *VM) Do(ctx context.Context, function lua.LGFunction) error {
	return vm.execute(ctx, vm.state.NewFunction(function))
}

func (vm *VM) execute(ctx context.Context, function *lua.LFunction) error {
	vm.state.SetContext(ctx)
	vm.interrupted, vm.origin = nil, nil
	if _, failed := vm.call(vm.state, function); failed != nil {
		return vm.errorOf(failed)
	}
	return nil
}

// errorOf tells what a function failed of.
func (vm *VM) errorOf(failed *failure) *Error {
	if vm.interrupted != nil {
		return vm.interruption(vm.interrupted)
	}
	return vm.scriptError(failed)
}

// scriptError tells what a script failed of.
func (vm *VM) scriptError(failed *failure) *Error {
	text := messageOf(failed.value)
	if e := vm.compileError; e != nil && text == e.Error() {
		return &Error{Kind: Compile, File: e.File, Line: e.Line, Message: e.Message, Traceback: failed.traceback}
	}
	kind := Raised
	if convert.IsAssertion(vm.state, failed.value) {
		kind = Assertion
	}
	at, message := vm.splitPosition(text, failed.at)
	return &Error{Kind: kind, File: at.file, Line: at.line, Message: message, Traceback: failed.traceback}
}
