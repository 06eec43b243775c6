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
	"strings"
	"text/tabwriter"
	"time"
)

// measurement is what draining a number of TestRuns or Jobs took, by a controller and an API server of their own.
type measurement struct {
	what  string
	count int
	// took is the time from the first one's creation until all had ended, and created until all were created.
	took, created time.Duration
	// requests, cpu and peak, the most memory resident at once in bytes, are the controller's.
	requests requests
	cpu      time.Duration
	peak     int64
	// serverCPU is the API server's.
	serverCPU time.Duration
	// allocated is in bytes; unknown of the Job controller.
	allocated float64
	// maxRunning is how many containers were alive at once.
	maxRunning int
}

func (m measurement) each(total float64) float64 { return total / float64(m.count) }

func (m measurement) perSecond() float64 { return float64(m.count) / m.took.Seconds() }

func (m measurement) requestsEach(match func(request) bool) float64 {
	return m.each(float64(m.requests.count(match)))
}

func (m measurement) allRequests() float64 {
	return m.requestsEach(func(request) bool { return true })
}

func (m measurement) writes() float64 { return m.requestsEach(isWrite) }

// cpuEach is in milliseconds, allocatedEach in KB.
func (m measurement) cpuEach() float64 { return m.each(1000 * m.cpu.Seconds()) }

func (m measurement) allocatedEach() float64 { return m.each(m.allocated / 1000) }

// results are all that was measured.
type results struct {
	few, many measurement
	// jobs are by a Job controller as it comes, freeJobs by one whose client has no limits.
	jobs, freeJobs measurement
}

// summary is the last line on stdout.
type summary struct {
	RunsPerSecond float64 `json:"runs_per_second"`
	// CostRatio is the largest of the ratios of what the manager allocates for a run, and how many requests it makes.
	CostRatio float64 `json:"cost_ratio_10k_1k"`
	// SpeedVsJobs is the speed of the manager over that of a Job controller as it comes.
	SpeedVsJobs  float64 `json:"speed_vs_jobs"`
	WritesPerRun float64 `json:"writes_per_run"`
	MaxRunning   int     `json:"max_running"`

	ReadsPerRun     float64 `json:"reads_per_run"`
	EventsPerRun    float64 `json:"events_per_run"`
	AllocatedRatio  float64 `json:"allocated_ratio_10k_1k"`
	RequestsRatio   float64 `json:"requests_ratio_10k_1k"`
	CPURatio        float64 `json:"cpu_ratio_10k_1k"`
	CPUPerRun       float64 `json:"cpu_ms_per_run"`
	PeakMemory      float64 `json:"peak_memory_mb"`
	SpeedVsFreeJobs float64 `json:"speed_vs_jobs_without_client_limits"`
}

func summarize(r results) summary {
	allocated, requested := r.many.allocatedEach()/r.few.allocatedEach(), r.many.allRequests()/r.few.allRequests()
	return summary{
		RunsPerSecond:   rounded(r.many.perSecond()),
		CostRatio:       rounded(max(allocated, requested)),
		SpeedVsJobs:     rounded(r.many.perSecond() / r.jobs.perSecond()),
		WritesPerRun:    rounded(r.many.writes()),
		MaxRunning:      max(r.few.maxRunning, r.many.maxRunning),
		ReadsPerRun:     rounded(r.many.requestsEach(isRead)),
		EventsPerRun:    rounded(r.many.requestsEach(isEvent)),
		AllocatedRatio:  rounded(allocated),
		RequestsRatio:   rounded(requested),
		CPURatio:        rounded(r.many.cpuEach() / r.few.cpuEach()),
		CPUPerRun:       rounded(r.many.cpuEach()),
		PeakMemory:      rounded(megabytes(r.many.peak)),
		SpeedVsFreeJobs: rounded(r.many.perSecond() / r.freeJobs.perSecond()),
	}
}

// report writes what was measured for people, and the summary as the last line.
func report(out io.Writer, r results) error {
	line, err := json.Marshal(summarize(r))
	if err != nil {
		return fmt.Errorf("encoding the summary: %w", err)
	}
	all := []measurement{r.few, r.many, r.jobs, r.freeJobs}
	// Flush tells of errors in writing.
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, value func(measurement) string) {
		cells := []string{name}
		for _, m := range all {
			cells = append(cells, value(m))
		}
		_, _ = fmt.Fprintf(table, "%s\t\n", strings.Join(cells, "\t"))
	}
	number := func(name string, value func(measurement) float64) {
		row(name, func(m measurement) string { return fmt.Sprintf("%.2f", value(m)) })
	}
	row("", func(m measurement) string { return fmt.Sprintf("%d %s", m.count, m.what) })
	number("ended per second", measurement.perSecond)
	number("seconds until all were created", func(m measurement) float64 { return m.created.Seconds() })
	number("seconds until all had ended", func(m measurement) float64 { return m.took.Seconds() })
	number("API writes each, without Events", measurement.writes)
	number("API reads each", func(m measurement) float64 { return m.requestsEach(isRead) })
	number("Events written each", func(m measurement) float64 { return m.requestsEach(isEvent) })
	for _, key := range frequent(all) {
		number(key.Verb+" "+key.Resource, func(m measurement) float64 { return m.each(float64(m.requests[key])) })
	}
	number("CPU ms of kube-apiserver each", func(m measurement) float64 { return m.each(1000 * m.serverCPU.Seconds()) })
	number("CPU ms each", measurement.cpuEach)
	number("KB allocated each", measurement.allocatedEach)
	number("peak memory in MB", func(m measurement) float64 { return megabytes(m.peak) })
	row("containers alive at once", func(m measurement) string { return fmt.Sprint(m.maxRunning) })
	if err := table.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, `CPU, memory and requests are those of the manager, and of the Job controller.
Jobs: at most %d unfinished at once, and fewer in all than TestRuns, of which as many would take an hour.
The first %d are by a Job controller with its default client limits, the other %d by one without client limits.
%s
`, slots, r.jobs.count, r.freeJobs.count, line)
	return err
}

// frequent are the requests of which there are at least one for 200 TestRuns or Jobs of a measurement.
func frequent(all []measurement) []request {
	keys := map[request]bool{}
	for _, m := range all {
		for key, n := range m.requests {
			keys[key] = keys[key] || 200*n >= m.count
		}
	}
	maps.DeleteFunc(keys, func(_ request, often bool) bool { return !often })
	return slices.SortedFunc(maps.Keys(keys), func(a, b request) int {
		return strings.Compare(a.Resource+" "+a.Verb, b.Resource+" "+b.Verb)
	})
}

func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }

func rounded(f float64) float64 { return math.Round(f*1000) / 1000 }
