/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Command cluster brings a Kubernetes cluster for development and tests up and
// down: one of its own on this machine, kind's, or the current one.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/topas-dev/topas/hack/cluster/internal/progress"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	application := &app{printer: progress.To(os.Stderr), getenv: os.Getenv, out: os.Stdout}
	if err := extendPath(); err != nil {
		fail(err)
	}
	if err := newRootCommand(application).ExecuteContext(ctx); err != nil {
		fail(err)
	}
}

func fail(err error) {
	_, _ = fmt.Fprintf(os.Stderr, "cluster: error: %v\n", err)
	os.Exit(1)
}

// extendPath adds the folders of system programs, which not every user's PATH holds.
func extendPath() error {
	return os.Setenv("PATH", os.Getenv("PATH")+":/usr/local/sbin:/usr/sbin:/sbin")
}
