/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/topas-dev/topas/internal/contract"
)

const (
	// reportInterval is how long one report is after the one before it.
	reportInterval = time.Second
	// lastReport bounds how long a test that is over waits for its last report.
	lastReport = 4 * time.Second
)

// Reporter shows others how far a test has come while it runs.
type Reporter interface {
	Report(ctx context.Context, p contract.Progress) error
}

// reporting reports the cases of a test as they are recorded. A report that fails is made up for by the next one.
type reporting struct {
	reporter Reporter
	recorder *recorder
	complain io.Writer

	stopped, done chan struct{}
	cancel        context.CancelFunc
	// reported is how many cases the last report had that got through.
	reported int
	failed   bool
}

// startReporting reports until it is stopped. Of a test without cases it reports nothing.
func startReporting(ctx context.Context, reporter Reporter, r *recorder, complain io.Writer) *reporting {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &reporting{
		reporter: reporter, recorder: r, complain: complain,
		stopped: make(chan struct{}), done: make(chan struct{}), cancel: cancel,
	}
	go p.run(ctx)
	return p
}

// stop makes the last report, if there is something left to report.
func (p *reporting) stop() {
	close(p.stopped)
	timer := time.AfterFunc(lastReport, p.cancel)
	<-p.done
	timer.Stop()
	p.cancel()
}

func (p *reporting) run(ctx context.Context) {
	defer close(p.done)
	for {
		select {
		case <-p.recorder.changed:
			p.report(ctx)
		case <-p.stopped:
			p.report(ctx)
			return
		}
		select {
		case <-time.After(reportInterval):
		case <-p.stopped:
		}
	}
}

func (p *reporting) report(ctx context.Context) {
	progress := p.recorder.soFar()
	if progress.Cases.Total == p.reported {
		return
	}
	err := p.reporter.Report(ctx, progress)
	if err == nil {
		p.reported = progress.Cases.Total
		return
	}
	if !p.failed {
		_, _ = fmt.Fprintf(p.complain, "runner: the test cases can't be shown in the status of the TestRun for now: %v\n", err)
	}
	p.failed = true
}
