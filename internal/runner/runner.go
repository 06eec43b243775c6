/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package runner runs the script of one test and says what became of it.
package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/internal/driver/sut"
	"github.com/topas-dev/topas/internal/lua/modules"
	"github.com/topas-dev/topas/internal/lua/vm"
)

// Options say what is run. All fields but Params are needed.
type Options struct {
	// Roots are the folders that the script's files and modules are read from. Nothing outside them is read.
	Roots []string
	// Script is the slash-separated path of the script in the first root.
	Script string
	// Timeout is how long the script may run.
	Timeout time.Duration
	// Params are given to the script; nil is none.
	Params map[string]string
	// Connect makes the drivers that the script works with, and a function that frees them. See Connect.
	Connect func(ctx context.Context) (modules.Drivers, func(), error)
	// Output is the log of the test: what the script prints, as it prints it, and at the end what became of it.
	Output io.Writer
}

// Run runs a script and returns its verdict. When ctx ends before the script, the verdict is Error. A panic is one as
// well.
func Run(ctx context.Context, o Options) (result contract.Result) {
	var duration time.Duration
	err := caught(func() (err error) {
		duration, err = run(ctx, o)
		return err
	})
	result = judge(err)
	result.Duration = duration
	traceback := ""
	if failed, ok := errors.AsType[*vm.Error](err); ok {
		traceback = failed.Traceback
	}
	if panicked, ok := errors.AsType[*panicError](err); ok {
		traceback = panicked.stack
	}
	conclude(o.Output, result, traceback)
	return result
}

// run returns how long the script itself ran.
func run(ctx context.Context, o Options) (time.Duration, error) {
	files, err := openFiles(o.Roots, o.Script)
	if err != nil {
		return 0, err
	}
	defer func() { _ = files.Close() }()
	source, err := files.script(o.Script)
	if err != nil {
		return 0, err
	}
	drivers, free, err := o.Connect(ctx)
	if err != nil {
		return 0, err
	}
	defer free()
	drivers.Files, drivers.Output = files, o.Output

	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	started := time.Now()
	err = guard(limited, func() error {
		machine := vm.New(vm.Config{Modules: modules.Loaders(drivers), Files: files, Params: o.Params, Output: o.Output, Timeout: o.Timeout})
		defer machine.Close()
		return machine.Run(ctx, path.Clean(o.Script), source)
	})
	return time.Since(started), err
}

// scriptNotFoundError says that there is no script to run.
type scriptNotFoundError struct{ script string }

func (e *scriptNotFoundError) Error() string {
	return fmt.Sprintf("script %q not found", e.script)
}

// judge turns how a script ended into its verdict.
func judge(err error) contract.Result {
	if err == nil {
		return contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed}
	}
	result := contract.Result{Verdict: contract.Error, Reason: contract.ReasonRunnerCrashed, Message: err.Error()}
	if _, ok := errors.AsType[*scriptNotFoundError](err); ok {
		result.Reason = contract.ReasonScriptNotFound
	}
	if _, ok := errors.AsType[*sut.NotFoundError](err); ok {
		result.Reason = contract.ReasonAppNotFound
	}
	if errors.Is(err, context.Canceled) {
		result.Reason = contract.ReasonTerminated
	}
	if stuck, ok := errors.AsType[*stuckError](err); ok && errors.Is(stuck, context.DeadlineExceeded) {
		result.Verdict, result.Reason = contract.Failed, contract.ReasonTimedOut
	}
	if failed, ok := errors.AsType[*vm.Error](err); ok {
		result.Verdict, result.Reason = verdictOf(failed.Kind)
	}
	return result
}

func verdictOf(kind vm.Kind) (contract.Verdict, string) {
	switch kind {
	case vm.Assertion:
		return contract.Failed, contract.ReasonAssertionFailed
	case vm.Raised:
		return contract.Failed, contract.ReasonScriptError
	case vm.Timeout:
		return contract.Failed, contract.ReasonTimedOut
	case vm.Compile:
		return contract.Error, contract.ReasonCompileError
	case vm.Canceled:
		return contract.Error, contract.ReasonTerminated
	default:
		return contract.Error, contract.ReasonRunnerCrashed
	}
}
