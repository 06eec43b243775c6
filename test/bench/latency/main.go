/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Command latency measures what a TestRun costs beyond the Pod that it runs in: `make bench-latency` deploys TOPAS to a real
// cluster and runs this.
//
// It makes runs, and beside them bare Pods that are the same as the Pod of a run in all but name, label and owner: the same
// image, command, script, volumes and ServiceAccount. One client makes both, in turns, and sees their ends by a watch: the
// verdict of a run, the phase Succeeded of a Pod.
//
// What the API server and the manager do anyway is measured while nothing happens, and taken off.
//
// Progress goes to stderr, the result to stdout; its last line is a JSON object.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// plan is how much is measured.
type plan struct {
	// oneByOne is how many of each are made one after the other, many how many in blocks of the size block, of which atOnce are
	// under way at any time.
	oneByOne, many, block, atOnce int
	// idle is how long the cluster is watched at rest.
	idle time.Duration
}

func main() {
	log.SetLogger(logr.Discard())
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench-latency:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p := plan{block: 50, atOnce: 10}
	flag.IntVar(&p.oneByOne, "one-by-one", 30, "`number` of runs and of Pods that are made one after the other")
	flag.IntVar(&p.many, "many", 100, "`number` of runs and of Pods of which ten are under way at any time")
	flag.DurationVar(&p.idle, "idle", 20*time.Second, "how long the cluster is watched at rest, as a `duration`")
	flag.Parse()
	b, err := prepare(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.cleanUp()) }()
	result, err := b.measure(ctx, p)
	if err != nil {
		return err
	}
	return report(os.Stdout, result)
}
