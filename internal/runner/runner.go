/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package runner runs the script of one test and says what became of it.
package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/internal/driver/sut"
	"github.com/topas-dev/topas/internal/lua/modules"
	"github.com/topas-dev/topas/internal/lua/modules/test"
	"github.com/topas-dev/topas/internal/lua/vm"
)

// Options say what is run. All fields but Params, Secrets and Reporter are needed.
type Options struct {
	// Roots are the folders that the script's files and modules are read from. Nothing outside them is read.
	Roots []string
	// Script is the slash-separated path of the script in the first root.
	Script string
	// Timeout is how long the script may run.
	Timeout time.Duration
	// Params are given to the script; nil is none.
	Params map[string]string
	// Secrets are given to the script, and kept out of everything that leaves it.
	Secrets Secrets
	// Connect makes the drivers that the script works with, and a function that frees them. See Connect.
	Connect func(ctx context.Context) (modules.Drivers, func(), error)
	// Output is the log of the test: what the script prints, as it prints it, and at the end what became of it.
	Output io.Writer
	// Reporter is told of the test cases; nil is nobody.
	Reporter Reporter
	// Errors takes what the Reporter fails of.
	Errors io.Writer
}

// Run runs a script and returns its verdict. When ctx ends before the script, the verdict is Error. A panic is one as
// well.
func Run(ctx context.Context, o Options) contract.Result {
	given, err := loadSecrets(o.Secrets)
	hidden := newRedactor(given.all())
	log, cases := hidden.writer(o.Output), newRecorder(hidden)
	o.Output = log
	if o.Reporter != nil {
		defer startReporting(ctx, o.Reporter, cases, hidden.writer(o.Errors)).stop()
	}

	var ended ending
	if err == nil {
		err = caught(func() (err error) {
			ended, err = run(ctx, o, given, cases)
			return err
		})
	}
	result := judge(ended.verdict(err))
	result.Duration, result.Cases = ended.duration, cases.counts()
	result.Message = hidden.redact(cmp.Or(result.Message, ended.skipped))
	conclude(o.Output, result, ended.traceback(err))
	_ = log.Flush()
	return result
}

// run runs the script. Its error is how the script itself ended.
func run(ctx context.Context, o Options, given secrets, cases *recorder) (ending, error) {
	files, err := openFiles(o.Roots, o.Script)
	if err != nil {
		return ending{}, err
	}
	defer func() { _ = files.Close() }()
	source, err := files.script(o.Script)
	if err != nil {
		return ending{}, err
	}
	drivers, free, err := o.Connect(ctx)
	if err != nil {
		return ending{}, err
	}
	defer free()
	drivers.Files, drivers.Output = files, o.Output
	drivers.Test = test.New(test.Config{Recorder: cases, Output: o.Output, Params: o.Params, Secret: given.value})
	machine := vm.New(vm.Config{Modules: modules.Loaders(drivers), Files: files, Params: o.Params, Output: o.Output, Timeout: o.Timeout})

	limited, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	started := time.Now()
	err = guard(limited, func() error { return machine.Run(ctx, path.Clean(o.Script), source) })
	ended := ending{duration: time.Since(started)}
	failed, ok := errors.AsType[*vm.Error](err)
	if err != nil && !ok {
		// The machine is still at work, or broken. It ends with the process.
		return ended, err
	}
	if failed != nil && drivers.Test.Skipped(failed) {
		ended.skipped, err = failed.Message, nil
	}
	ended.first = drivers.Test.Failure()
	if stuck := finish(limited, machine, drivers.Test); stuck != nil {
		_, _ = fmt.Fprintf(o.Output, "cleaning up: %v\n", stuck)
		return ended, err
	}
	machine.Close()
	ended.last = drivers.Test.LastRequest()
	if ended.first == nil && err == nil {
		ended.first = drivers.Test.Failure()
	}
	return ended, err
}

// finish calls what the script deferred. Its error is that this did not come to an end.
func finish(ctx context.Context, machine *vm.VM, suite *test.Module) error {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	return guard(ctx, func() error { return machine.Do(ctx, suite.Finish) })
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
	if _, ok := errors.AsType[*secretNotFoundError](err); ok {
		result.Reason = contract.ReasonSecretNotFound
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
