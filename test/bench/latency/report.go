/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"text/tabwriter"
	"time"
)

// shown is from how many requests a run, or a Pod, on that a kind of them is in the table.
const shown = 0.05

// summary is the last line on stdout: runs over bare Pods, or what they cost beyond them.
type summary struct {
	P50Ratio        float64 `json:"p50_ratio"`
	P95Ratio        float64 `json:"p95_ratio"`
	ThroughputRatio float64 `json:"throughput_ratio"`
	// ExtraRequests are requests to the API server of a run, ExtraCPU the core seconds of the manager.
	ExtraRequests float64 `json:"extra_requests"`
	ExtraCPU      float64 `json:"extra_cpu_core_s"`
}

// report writes what was measured for people, and the summary as the last line.
func report(out io.Writer, r result) error {
	run, pod := r.runs.spent.each(r.runs.n, r.idle), r.pods.spent.each(r.pods.n, r.idle)
	s := summary{
		P50Ratio:        rounded(percentile(r.runs.latencies, 50).Seconds() / percentile(r.pods.latencies, 50).Seconds()),
		P95Ratio:        rounded(percentile(r.runs.latencies, 95).Seconds() / percentile(r.pods.latencies, 95).Seconds()),
		ThroughputRatio: rounded(r.runs.perSecond() / r.pods.perSecond()),
		ExtraRequests:   rounded(run.allRequests() - pod.allRequests()),
		ExtraCPU:        rounded(run.cpu - pod.cpu),
	}
	line, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encoding the summary: %w", err)
	}
	// Flush tells of errors in writing.
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, run, pod float64) { _, _ = fmt.Fprintf(table, "%s\t%.2f\t%.2f\t\n", name, run, pod) }
	_, _ = fmt.Fprintf(table, "\tTestRun\tbare Pod\t\n")
	for _, p := range []int{50, 95} {
		row(fmt.Sprintf("seconds from creation to end, p%d", p), percentile(r.runs.latencies, p).Seconds(), percentile(r.pods.latencies, p).Seconds())
	}
	row("ended per second", r.runs.perSecond(), r.pods.perSecond())
	row("CPU ms of the manager", 1000*run.cpu, 1000*pod.cpu)
	row("API requests", run.allRequests(), pod.allRequests())
	for _, kind := range kinds(run, pod) {
		row(kind, run.requests[kind], pod.requests[kind])
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", line)
	return err
}

// kinds are those of the requests that count, in order.
func kinds(of ...spent) []string {
	seen := map[string]bool{}
	for _, s := range of {
		for kind, n := range s.requests {
			if math.Abs(n) >= shown {
				seen[kind] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// percentile is the value that p percent of all do not exceed.
func percentile(all []time.Duration, p int) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}

func rounded(f float64) float64 { return math.Round(f*1000) / 1000 }
