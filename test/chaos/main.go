/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Command chaos holds the promises of TestRuns against a cluster in which things die: `make test-chaos` deploys TOPAS and runs
// this.
//
// It makes runs of every kind. Meanwhile it kills the manager's process again and again, kills the API server, deletes Pods of
// runs, with and without their grace period, cancels runs and deletes them. It watches all Pods and runs from beginning to end, and
// in the end compares: every run has ended, with the right verdict, and kept it; no run has ever had two live Pods, and all
// together never more than the limit; what was to be alone was alone; no script has run twice that was to run once; nothing is
// left over.
//
// Scripts write into the table of a database that no fault reaches, so that a script that has run is known to have run, whatever
// became of its Pod.
//
// It needs the local cluster of hack/cluster, whose processes it can reach, with TOPAS deployed from test/chaos/config.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// limit is the --max-concurrent-tests of test/chaos/config.
const limit = 20

type options struct {
	runs, restarts int
	seed           uint64
	timeout        time.Duration
	// tool is the command of hack/cluster.
	tool string
}

func main() {
	log.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard()) // the watches tell of every API server that is gone
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	var o options
	flag.IntVar(&o.runs, "runs", 300, "`number` of TestRuns")
	flag.IntVar(&o.restarts, "restarts", 2, "how many `times` the API server is killed")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "`number` that decides what happens; the same one makes the same plan")
	flag.DurationVar(&o.timeout, "timeout", 8*time.Minute, "how long all runs may take together, as a `duration`")
	flag.StringVar(&o.tool, "cluster", "bin/cluster", "`path` of the command of hack/cluster")
	flag.Parse()
	say("seed %d: %d runs, at most %d at once", o.seed, o.runs, limit)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	w, err := newWorld(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.cleanUp()) }()
	random := rand.New(rand.NewPCG(o.seed, 0))
	plan := newPlan(random, w.namespace, o.runs)
	seen := newObserver(plan, limit)
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	seen.watch(watching, w)
	if err := w.unleash(ctx, o, random, plan, seen); err != nil {
		return errors.Join(err, seen.report(os.Stdout, plan, seen.violations()))
	}
	problems, err := w.check(ctx, plan, seen)
	if err != nil {
		return err
	}
	return seen.report(os.Stdout, plan, problems)
}

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
