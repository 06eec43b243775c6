/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// unleash makes all runs and lets the faults loose until they have ended.
func (w *world) unleash(ctx context.Context, o options, random *rand.Rand, plan []*planned, seen *observer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("not all runs have ended after %s", o.timeout))
	defer cancel()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var group sync.WaitGroup
	begin := func(what string, work func(context.Context) error) {
		group.Go(func() {
			if err := work(ctx); err != nil && ctx.Err() == nil {
				fail(fmt.Errorf("%s: %w", what, err))
			}
		})
	}
	faults := faults{world: w, seen: seen, tool: o.tool, total: len(plan), restarts: o.restarts}
	seeds := []*rand.Rand{rand.New(rand.NewPCG(random.Uint64(), 1)), rand.New(rand.NewPCG(random.Uint64(), 2))}
	begin("killing the manager", func(ctx context.Context) error { return faults.killManagers(ctx, seeds[0]) })
	begin("killing the API server", faults.killServers)
	begin("deleting Pods", func(ctx context.Context) error { return faults.deletePods(ctx, seeds[1]) })
	begin("making runs", func(ctx context.Context) error {
		for _, p := range plan {
			if err := w.makeRun(ctx, p, begin); err != nil {
				return err
			}
		}
		return nil
	})
	err := w.awaitEnds(ctx, len(plan), seen)
	fail(errors.Join(err, context.Canceled))
	group.Wait()
	if cause := context.Cause(ctx); err != nil && !errors.Is(err, cause) {
		err = errors.Join(err, cause)
	}
	return err
}

// makeRun makes a run, and sees to its fate.
func (w *world) makeRun(ctx context.Context, p *planned, begin func(string, func(context.Context) error)) error {
	if err := pause(ctx, p.gap); err != nil {
		return err
	}
	err := insist(ctx, "a run is made", func(ctx context.Context) error { return present(w.cluster.Create(ctx, p.run.DeepCopy())) })
	if err != nil || p.fate == left {
		return err
	}
	begin("deciding the fate of "+p.run.Name, func(ctx context.Context) error {
		if err := pause(ctx, p.delay); err != nil {
			return err
		}
		return insist(ctx, "a run meets its fate", func(ctx context.Context) error {
			if p.fate == deleted {
				return client.IgnoreNotFound(w.cluster.Delete(ctx, p.run.DeepCopy()))
			}
			cancel := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"cancel":true}}`))
			return w.cluster.Patch(ctx, p.run.DeepCopy(), cancel)
		})
	})
	return nil
}

// awaitEnds waits until every run has ended, or is gone if that is its fate.
func (w *world) awaitEnds(ctx context.Context, total int, seen *observer) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	told := time.Now()
	for {
		remaining := seen.remaining()
		if len(remaining) == 0 {
			return nil
		}
		if time.Since(told) > 15*time.Second {
			told = time.Now()
			say("%d of %d runs have yet to end", len(remaining), total)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until all runs have ended: %w; not so: %s", context.Cause(ctx), seen.describe(remaining))
		case <-tick.C:
		}
	}
}
