/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runlog

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// Wait returns the run when it has ended. It reads no log, and says what it waits for whenever that changes.
func (r *Reader) Wait(ctx context.Context, run *v1alpha1.TestRun) (*v1alpha1.TestRun, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A watch that is not allowed is tried for ever; a list says so at once.
	named := &client.ListOptions{Namespace: run.Namespace, FieldSelector: named(run)}
	if err := r.Client.List(ctx, &v1alpha1.TestRunList{}, named); err != nil {
		return nil, err
	}
	w := newWatcher(r.Client, run)
	if err := w.start(ctx, r.say, w.runs); err != nil {
		return nil, err
	}
	said := ""
	for {
		run := w.run()
		if run == nil {
			return nil, ErrDeleted
		}
		if run.Status.State.Finished() {
			return run, nil
		}
		if now := waitingForEnd(run); now != said {
			said = now
			r.say("Waiting for %s\n", now)
		}
		if err := w.wait(ctx); err != nil {
			return nil, err
		}
	}
}

func waitingForEnd(run *v1alpha1.TestRun) string {
	if run.Status.State == v1alpha1.TestRunRunning {
		return "the script to end"
	}
	return WaitingFor(run, nil)
}
