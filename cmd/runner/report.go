/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/topas-dev/topas/internal/contract"
)

// report is how a command tells the kubelet, and through it the manager, what became of it.
type report struct {
	path string
	code int
}

func failure(reason string, err error) contract.Result {
	return contract.Result{Verdict: contract.Error, Reason: reason, Message: err.Error()}
}

// write leaves the result as termination message and returns its exit code. The exit code alone is a verdict as well,
// so a message that can't be written is only spoken of.
func (r *report) write(result contract.Result) int {
	r.code = result.Verdict.ExitCode()
	if err := r.leave(result); err != nil {
		fmt.Fprintf(os.Stderr, "runner: %v\n", err)
	}
	return r.code
}

func (r *report) leave(result contract.Result) error {
	data, err := contract.EncodeResult(result)
	if err != nil {
		return err
	}
	flags := os.O_WRONLY | os.O_TRUNC
	if r.path != contract.TerminationLog {
		flags |= os.O_CREATE
	}
	file, err := os.OpenFile(r.path, flags, 0o644)
	if errors.Is(err, fs.ErrNotExist) && r.path == contract.TerminationLog {
		// The kubelet makes this file. Outside of a Pod there is none, and nobody who would read it.
		return nil
	}
	if err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}
