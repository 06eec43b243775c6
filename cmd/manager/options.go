/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// runnerImageVariable gives --runner-image where the flags are fixed, as in a kustomization.
const runnerImageVariable = "RUNNER_IMAGE"

// options are the flags of the manager.
type options struct {
	metricsAddress            string
	metricsSecure             bool
	probeAddress              string
	leaderElect               bool
	leaderNamespace           string
	maxConcurrentTests        int
	maxConcurrentPerNamespace int
	runnerImage               string
	startDeadline             time.Duration
	defaultTTL                time.Duration
	zap                       zap.Options
}

// parse reads the flags. The error names the flag, what was given and what is allowed.
func parse(args []string) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", ":8443", "`address` on which metrics are served; 0 turns them off")
	flags.BoolVar(&o.metricsSecure, "metrics-secure", true, "serve metrics over HTTPS, and only to who may get /metrics in the cluster")
	flags.StringVar(&o.probeAddress, "health-probe-bind-address", ":8081", "`address` on which /healthz and /readyz are served; 0 turns them off")
	flags.BoolVar(&o.leaderElect, "leader-elect", false, "work only while holding the lease, so that several managers may be started")
	flags.StringVar(&o.leaderNamespace, "leader-election-namespace", "", "`namespace` of the lease (default: the one that the manager runs in)")
	flags.IntVar(&o.maxConcurrentTests, "max-concurrent-tests", 50, "`number` of TestRuns that may run at once")
	flags.IntVar(&o.maxConcurrentPerNamespace, "max-concurrent-per-namespace", 0,
		"`number` of TestRuns that may run at once in any one namespace; 0 for as many as --max-concurrent-tests")
	flags.StringVar(&o.runnerImage, "runner-image", os.Getenv(runnerImageVariable), "`image` in which tests run (default: $"+runnerImageVariable+")")
	flags.DurationVar(&o.startDeadline, "start-deadline", 5*time.Minute, "how long a TestRun may take from its admission to the start of its script, as a `duration`")
	flags.DurationVar(&o.defaultTTL, "default-ttl", 0, "how long after its end a TestRun is deleted that has no ttlSecondsAfterFinished, as a `duration`; 0 keeps it until somebody deletes it")
	o.zap.BindFlags(flags)
	config.RegisterFlags(flags)
	flags.SetOutput(io.Discard) // errors are returned
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
		return nil, err
	} else if err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: the manager takes flags only", flags.Arg(0))
	}
	return o, o.check()
}

func (o *options) check() error {
	if o.runnerImage == "" {
		return fmt.Errorf("--runner-image is empty and so is $%s: give the image in which tests run", runnerImageVariable)
	}
	if o.maxConcurrentTests < 1 {
		return fmt.Errorf("--max-concurrent-tests is %d, must be 1 or more", o.maxConcurrentTests)
	}
	if o.maxConcurrentPerNamespace < 0 {
		return fmt.Errorf("--max-concurrent-per-namespace is %d, must be 1 or more, or 0 for no limit of its own", o.maxConcurrentPerNamespace)
	}
	if o.startDeadline < time.Second {
		return fmt.Errorf("--start-deadline is %s, must be 1s or more", o.startDeadline)
	}
	if o.defaultTTL < 0 {
		return fmt.Errorf("--default-ttl is %s, must be 0 or more", o.defaultTTL)
	}
	for name, address := range map[string]string{"metrics-bind-address": o.metricsAddress, "health-probe-bind-address": o.probeAddress} {
		if address == "0" {
			continue
		}
		if _, _, err := net.SplitHostPort(address); err != nil {
			return fmt.Errorf("--%s is %q, must be <host>:<port>, :<port> or 0", name, address)
		}
	}
	return nil
}
