/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Command manager brings Apps and TestRuns to what their specs say.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

func main() {
	if err := run(ctrl.SetupSignalHandler(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "manager:", err)
		os.Exit(1)
	}
}

// run works until the context is done, or until it can't go on.
func run(ctx context.Context, args []string) error {
	options, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&options.zap)))
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster: %w", err)
	}
	manager, err := newManager(ctx, config, options)
	if err != nil {
		return err
	}
	ctrl.Log.WithName("setup").Info("Starting manager", "version", version, "runnerImage", options.runnerImage,
		"maxConcurrentTests", options.maxConcurrentTests, "startDeadline", options.startDeadline)
	if err := manager.Start(ctx); err != nil {
		return fmt.Errorf("running the manager: %w", err)
	}
	return nil
}

// version is set by the linker.
var version = "dev"
