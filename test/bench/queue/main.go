/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Command queue measures what TestRuns cost the manager when many wait: `make bench-queue` builds the manager and runs this.
//
// It runs the real manager against a real etcd and kube-apiserver, and plays the kubelet: the container of a Pod passes as
// soon as the Pod is there. 1,000 and then 10,000 TestRuns, for an API server and a manager of their own, are created as
// fast as the API server takes them, and drained with 50 slots. Then Jobs are drained by the Job controller of
// kube-controller-manager. Jobs have no queue, so this program makes one as soon as fewer than 50 are unfinished. Their
// number does not matter to the time that one takes, so that they are fewer than the TestRuns.
//
// The cost of a run is what the manager allocates for it, or the requests that it makes for it, whichever grows more with
// the number of runs. CPU time is printed too, but is not the same on every run.
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

const (
	namespace = "bench"
	// slots is how many tests may run at once.
	slots = 50
	// warmups are those that come before those that count: as many as take all slots, and as many that wait.
	warmups = 2 * slots
	// creators is how many TestRuns are created at once.
	creators = 8
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench-queue:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	flags := flag.NewFlagSet("bench-queue", flag.ContinueOnError)
	binary := flags.String("manager", "bin/manager", "`path` of the manager")
	few := flags.Int("few", 1_000, "`number` of TestRuns of the smaller measurement")
	many := flags.Int("many", 10_000, "`number` of TestRuns of the larger one")
	jobs := flags.Int("jobs", 300, "`number` of Jobs that are measured with the Job controller's default client limits")
	freeJobs := flags.Int("free-jobs", 2_000, "`number` of Jobs that are measured without client limits")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var r results
	var err error
	if r.few, err = measureRuns(ctx, *binary, *few); err != nil {
		return err
	}
	if r.many, err = measureRuns(ctx, *binary, *many); err != nil {
		return err
	}
	if r.jobs, err = measureJobs(ctx, *jobs); err != nil {
		return err
	}
	if r.freeJobs, err = measureJobs(ctx, *freeJobs, unlimited...); err != nil {
		return err
	}
	return report(os.Stdout, r)
}

func progress(format string, args ...any) {
	log.SetLogger(logr.Discard()) // of the servers and the watches of this program
	fmt.Fprintf(os.Stderr, "%s: %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
