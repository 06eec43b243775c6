/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"errors"
	"time"

	"github.com/topas-dev/topas/internal/lua/vm"
)

// ending is what is known of a script when it is over, beside the error that it ended with itself.
type ending struct {
	duration time.Duration
	// skipped is why the script skipped itself.
	skipped string
	// first is the first failure of a case, or of what the script deferred.
	first *vm.Error
	// last is a line about the last request of the script.
	last string
}

// verdict is the error that the verdict is made of: the first failure, unless the script ended in a way that says
// more about the test than about the system.
func (e ending) verdict(err error) error {
	if e.first == nil {
		return err
	}
	if err == nil {
		return e.first
	}
	failed, ok := errors.AsType[*vm.Error](err)
	if !ok || failed.Kind == vm.Canceled || failed.Kind == vm.Compile {
		return err
	}
	if failed.Error() == e.first.Error() {
		return e.first
	}
	both := *e.first
	both.Message += "\nthen the script ended: " + failed.Error()
	return &both
}

// traceback is that of the script's own error. The one of a case is in the log already.
func (e ending) traceback(err error) string {
	if panicked, ok := errors.AsType[*panicError](err); ok {
		return panicked.stack
	}
	failed, ok := errors.AsType[*vm.Error](err)
	if !ok || e.first != nil && failed.Error() == e.first.Error() {
		return ""
	}
	if e.last != "" {
		return "last: " + e.last + "\n" + failed.Traceback
	}
	return failed.Traceback
}
