/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"sync"
	"time"
)

// maxFailures is how many failures a report holds: the first ones tell the story.
const maxFailures = 10

// loadConfig is what the arguments say.
type loadConfig struct {
	targets []*url.URL
	workers int
	pause   time.Duration
	timeout time.Duration
	report  time.Duration
}

func loadConfigFromArgs(args []string) (loadConfig, error) {
	var cfg loadConfig
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&cfg.workers, "workers", 2, "")
	flags.DurationVar(&cfg.pause, "pause", 20*time.Millisecond, "")
	flags.DurationVar(&cfg.timeout, "timeout", 30*time.Second, "")
	flags.DurationVar(&cfg.report, "report", time.Second, "")
	if err := flags.Parse(args); err != nil {
		return loadConfig{}, err
	}
	if cfg.workers < 1 || cfg.pause <= 0 || cfg.timeout <= 0 || cfg.report <= 0 {
		return loadConfig{}, errors.New("workers, pause, timeout and report must be greater than 0")
	}
	for _, arg := range flags.Args() {
		target, err := url.Parse(arg)
		if err != nil || target.Host == "" || (target.Scheme != "http" && target.Scheme != "grpc") {
			return loadConfig{}, fmt.Errorf("target is %q: give http://host:port or grpc://host:port", arg)
		}
		cfg.targets = append(cfg.targets, target)
	}
	if len(cfg.targets) == 0 {
		return loadConfig{}, errors.New("no target is given: name at least one, such as http://host:port")
	}
	return cfg, nil
}

// load sends requests until the context ends. It reports what happened since the last report again and again, and in
// the end what happened in all. A failed request is an error, but no reason to stop.
func load(ctx context.Context, cfg loadConfig, out io.Writer) error {
	encoder := json.NewEncoder(out)
	recorder := &recorder{window: newReport(), total: newReport()}
	var workers sync.WaitGroup
	for _, target := range cfg.targets {
		for _, kind := range []connection{kept, fresh} {
			for range cfg.workers {
				call, err := newCaller(target, kind)
				if err != nil {
					return fmt.Errorf("prepare %s: %w", target, err)
				}
				workers.Go(func() { repeat(ctx, cfg, call, recorder.of(target, kind)) })
			}
		}
	}

	reports := time.NewTicker(cfg.report)
	defer reports.Stop()
	for ctx.Err() == nil {
		select {
		case <-reports.C:
			if err := encoder.Encode(recorder.turn()); err != nil {
				return fmt.Errorf("report: %w", err)
			}
		case <-ctx.Done():
		}
	}
	workers.Wait()
	recorder.total.Final = true
	if err := encoder.Encode(recorder.total); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if recorder.total.Failures > 0 {
		return fmt.Errorf("%d of %d requests failed", recorder.total.Failures, recorder.total.Requests)
	}
	return nil
}

// repeat calls, one request after the other, until the context ends. The last one is waited for.
func repeat(ctx context.Context, cfg loadConfig, call caller, record func(version string, err error)) {
	pause := time.NewTicker(cfg.pause)
	defer pause.Stop()
	for ctx.Err() == nil {
		callCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.timeout)
		record(call(callCtx))
		cancel()
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
}

// report is one line of the output.
type report struct {
	// Final is set in the last line, which is about the whole time.
	Final    bool `json:"final,omitempty"`
	Requests int  `json:"requests"`
	Failures int  `json:"failures"`
	// Versions has for each target the number of answers by the version that gave them.
	Versions      map[string]map[string]int `json:"versions"`
	FirstFailures []failure                 `json:"firstFailures,omitempty"`
}

type failure struct {
	Time       time.Time  `json:"time"`
	Target     string     `json:"target"`
	Connection connection `json:"connection"`
	Error      string     `json:"error"`
}

func newReport() *report { return &report{Versions: map[string]map[string]int{}} }

func (r *report) answered(target, version string) {
	r.Requests++
	if r.Versions[target] == nil {
		r.Versions[target] = map[string]int{}
	}
	r.Versions[target][version]++
}

func (r *report) failed(f failure) {
	r.Requests++
	r.Failures++
	if len(r.FirstFailures) < maxFailures {
		r.FirstFailures = append(r.FirstFailures, f)
	}
}

// recorder counts what all workers see.
type recorder struct {
	mu            sync.Mutex
	window, total *report
}

func (r *recorder) of(target *url.URL, kind connection) func(version string, err error) {
	return func(version string, err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, report := range []*report{r.window, r.total} {
			if err != nil {
				report.failed(failure{Time: time.Now(), Target: target.String(), Connection: kind, Error: err.Error()})
				continue
			}
			report.answered(target.String(), version)
		}
	}
}

// turn returns what was counted since the last turn.
func (r *recorder) turn() *report {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.window
	r.window = newReport()
	return last
}
