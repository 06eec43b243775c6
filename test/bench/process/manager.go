/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"k8s.io/client-go/rest"
)

// lookEvery and calm: a manager rests when it has had nothing to do for this long, seen this often.
const (
	lookEvery = 200 * time.Millisecond
	calm      = time.Second
)

// Manager is a running manager.
type Manager struct {
	*Process
	url string
}

// StartManager runs the manager with these flags beside those that a benchmark needs.
func StartManager(binary, dir string, config *rest.Config, flags ...string) (*Manager, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	flags = append(flags, "--runner-image=x/y", "--health-probe-bind-address=0", "--metrics-secure=false", "--metrics-bind-address="+address)
	started, err := Start(binary, dir, config, flags...)
	if err != nil {
		return nil, err
	}
	return &Manager{Process: started, url: "http://" + address + "/metrics"}, nil
}

// Rest waits until the controller of the manager has made this many passes and the manager has nothing left to do, and returns
// its metrics of then.
func (m *Manager) Rest(ctx context.Context, controller string, passes int) (Metrics, error) {
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	var last Metrics
	var problem error
	since := time.Now()
	for {
		now, err := readManager(ctx, m.url)
		if err != nil {
			problem, last = err, nil
		} else if last == nil || now.busy() || now.Passes(controller) < float64(passes) ||
			now.Passes(controller) != last.Passes(controller) || now.Requests() != last.Requests() {
			problem, last, since = nil, now, time.Now()
		}
		if last != nil && time.Since(since) >= calm {
			return now, nil
		}
		select {
		case <-ticks.C:
		case <-m.Exited():
			return nil, m.Failure()
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("waiting until the manager rests: %w", context.Cause(ctx)), problem)
		}
	}
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String(), nil
}
