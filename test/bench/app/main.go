/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Command app measures what Apps cost the manager: `make bench-app` builds the manager and runs this.
//
// It runs the real manager against a real etcd and kube-apiserver, and plays the controllers and the kubelet itself. Each
// App has three services and a database with a schema. 50 Apps and then 200 Apps, for an API server and a manager of
// their own, are created at once and brought to Ready. Then another manager is started, which looks at all of them again and
// should find nothing to write.
//
// The cost of an App is what the manager allocates, from the creation of the first App until it rests again, divided by
// the number of Apps. A reconciler reads, copies, encodes and decodes objects, all of which allocates, so the cost grows
// as soon as the manager looks at all Apps for the sake of one; and it is the same to a percent on every run. CPU time,
// which is printed too, is not: the same work took up to 40 % more of it while other programs used the machine. The number
// of requests is as repeatable, but tells nothing of the work between them.
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
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench-app:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	flags := flag.NewFlagSet("bench-app", flag.ContinueOnError)
	binary := flags.String("manager", "bin/manager", "`path` of the manager")
	if err := flags.Parse(args); err != nil {
		return err
	}
	few, err := measure(ctx, *binary, 50)
	if err != nil {
		return err
	}
	many, err := measure(ctx, *binary, 200)
	if err != nil {
		return err
	}
	return report(os.Stdout, few, many)
}
