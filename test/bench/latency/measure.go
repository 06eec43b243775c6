/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/topas-dev/topas/test/bench/process"
)

const (
	metricRequests = "apiserver_request_total"
	metricCPU      = "process_cpu_seconds_total"
)

// measured is what runs, or bare Pods, took.
type measured struct {
	// latencies are those of the ones made one after the other.
	latencies []time.Duration
	// n were made in took, ten at a time. The spent is what that cost.
	n     int
	took  time.Duration
	spent spent
}

func (m measured) perSecond() float64 { return float64(m.n) / m.took.Seconds() }

// spent is what the cluster did in a time. Requests are those to the API server, by verb and resource; cpu is that of the
// manager, in seconds.
type spent struct {
	requests map[string]float64
	cpu      float64
	time     time.Duration
}

func (s *spent) add(other spent, factor float64) {
	if s.requests == nil {
		s.requests = map[string]float64{}
	}
	for kind, n := range other.requests {
		s.requests[kind] += factor * n
	}
	s.cpu += factor * other.cpu
	s.time += time.Duration(factor * float64(other.time))
}

func (s spent) allRequests() float64 {
	var sum float64
	for _, n := range s.requests {
		sum += n
	}
	return sum
}

// each is what of it falls to one of n, without what the cluster does at rest.
func (s spent) each(n int, idle spent) spent {
	var one spent
	one.add(s, 1/float64(n))
	one.add(idle, -s.time.Seconds()/idle.time.Seconds()/float64(n))
	return one
}

type result struct {
	runs, pods measured
	idle       spent
}

func (b *bench) measure(ctx context.Context, p plan) (result, error) {
	r := result{}
	if err := b.settle(ctx); err != nil {
		return r, err
	}
	say("%d runs and %d Pods one after the other, in turns", p.oneByOne, p.oneByOne)
	if err := b.oneByOne(ctx, p, &r); err != nil {
		return r, err
	}
	if err := b.clear(ctx); err != nil {
		return r, err
	}
	say("the cluster at rest for %s", p.idle)
	var err error
	if r.idle, err = b.spending(ctx, func() error { return pause(ctx, p.idle) }); err != nil {
		return r, err
	}
	for done := 0; done < p.many; done += p.block {
		n := min(p.block, p.many-done)
		say("%d Pods, then as many runs, %d at a time", n, p.atOnce)
		if err := b.inBlock(ctx, b.pods, &r.pods, done, n, p.atOnce); err != nil {
			return r, err
		}
		if err := b.inBlock(ctx, b.runs, &r.runs, done, n, p.atOnce); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (b *bench) oneByOne(ctx context.Context, p plan, r *result) error {
	for i := range p.oneByOne {
		for _, one := range []struct {
			of   *subject
			into *measured
		}{{b.pods, &r.pods}, {b.runs, &r.runs}} {
			took, err := one.of.toEnd(ctx, fmt.Sprintf("single-%s-%02d", one.of.kind, i))
			if err != nil {
				return err
			}
			one.into.latencies = append(one.into.latencies, took)
			if err := b.settle(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) inBlock(ctx context.Context, of *subject, into *measured, done, n, atOnce int) error {
	cost, err := b.spending(ctx, func() error {
		took, err := of.manyToEnd(ctx, fmt.Sprintf("many-%s-%d", of.kind, done), n, atOnce)
		into.n += n
		into.took += took
		if err != nil {
			return err
		}
		return b.settle(ctx)
	})
	if err != nil {
		return err
	}
	into.spent.add(cost, 1)
	return b.clear(ctx)
}

// spending returns what the cluster did while the work was done.
func (b *bench) spending(ctx context.Context, work func() error) (spent, error) {
	var s spent
	start := time.Now()
	before, err := b.look(ctx)
	if err != nil {
		return s, err
	}
	if err := work(); err != nil {
		return s, err
	}
	after, err := b.look(ctx)
	if err != nil {
		return s, err
	}
	s.add(after, 1)
	s.add(before, -1)
	s.time = time.Since(start)
	return s, nil
}

// look returns what the cluster has done since it began.
func (b *bench) look(ctx context.Context) (spent, error) {
	text, err := b.server.RESTClient().Get().AbsPath("/metrics").Stream(ctx)
	if err != nil {
		return spent{}, fmt.Errorf("reading metrics of the API server: %w", err)
	}
	defer func() { _ = text.Close() }()
	server, err := process.ParseMetrics(text)
	if err != nil {
		return spent{}, err
	}
	manager, err := b.scraper.Scrape(ctx)
	if err != nil {
		return spent{}, err
	}
	cpu, err := manager.Value(metricCPU)
	if err != nil {
		return spent{}, err
	}
	requests := requestsOf(server)
	if len(requests) == 0 {
		return spent{}, fmt.Errorf("reading metrics of the API server: there is no %s", metricRequests)
	}
	return spent{requests: requests, cpu: cpu}, nil
}

var label = regexp.MustCompile(`(\w+)="([^"]*)"`)

// requestsOf returns the requests that the API server has answered, by verb and resource. Its own metrics are not counted.
func requestsOf(server process.Metrics) map[string]float64 {
	requests := map[string]float64{}
	for series, n := range server {
		if !strings.HasPrefix(series, metricRequests+"{") {
			continue
		}
		labels := map[string]string{}
		for _, match := range label.FindAllStringSubmatch(series, -1) {
			labels[match[1]] = match[2]
		}
		if labels["subresource"] == "/metrics" {
			continue
		}
		kind := labels["verb"] + " " + labels["resource"]
		if labels["subresource"] != "" {
			kind += "/" + labels["subresource"]
		}
		requests[kind] += n
	}
	return requests
}
