/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// summary is the last line on stdout.
type summary struct {
	// WritesWhenConverged are the writes per App by a manager that finds 200 of them as they should be.
	WritesWhenConverged float64 `json:"writes_when_converged"`
	// RequestsPerApp are those for 200 Apps.
	RequestsPerApp float64 `json:"requests_per_app"`
	// CostRatio is the cost of one of 200 Apps over that of one of 50.
	CostRatio        float64 `json:"cost_ratio_200_50"`
	AppsPerSecond50  float64 `json:"apps_per_second_50"`
	AppsPerSecond200 float64 `json:"apps_per_second_200"`
	RequestsPerApp50 float64 `json:"requests_per_app_50"`
	KBPerApp50       float64 `json:"allocated_kb_per_app_50"`
	KBPerApp200      float64 `json:"allocated_kb_per_app_200"`
	CPUPerApp50      float64 `json:"cpu_ms_per_app_50"`
	CPUPerApp200     float64 `json:"cpu_ms_per_app_200"`
}

func summarize(few, many measurement) summary {
	return summary{
		WritesWhenConverged: rounded(many.perApp(many.resyncWrites)),
		RequestsPerApp:      rounded(many.requestsPerApp()),
		CostRatio:           rounded(many.kbPerApp() / few.kbPerApp()),
		AppsPerSecond50:     rounded(few.appsPerSecond()),
		AppsPerSecond200:    rounded(many.appsPerSecond()),
		RequestsPerApp50:    rounded(few.requestsPerApp()),
		KBPerApp50:          rounded(few.kbPerApp()),
		KBPerApp200:         rounded(many.kbPerApp()),
		CPUPerApp50:         rounded(few.cpuPerApp()),
		CPUPerApp200:        rounded(many.cpuPerApp()),
	}
}

// report writes what was measured for people, and the summary as the last line.
func report(out io.Writer, few, many measurement) error {
	s := summarize(few, many)
	line, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encoding the summary: %w", err)
	}
	// Flush tells of errors in writing.
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintf(table, "\t%d Apps\t%d Apps\t\n", few.apps, many.apps)
	row := func(name string, value func(measurement) float64) {
		_, _ = fmt.Fprintf(table, "%s\t%.2f\t%.2f\t\n", name, value(few), value(many))
	}
	row("Apps converged per second", measurement.appsPerSecond)
	row("API requests per App", measurement.requestsPerApp)
	for _, method := range methods {
		row(method, func(m measurement) float64 { return m.perApp(m.requests[method]) })
	}
	row("passes of the reconciler per App", func(m measurement) float64 { return m.perApp(m.passes) })
	row("KB allocated by the manager per App", measurement.kbPerApp)
	row("CPU ms of the manager per App", measurement.cpuPerApp)
	row("passes in a resync", func(m measurement) float64 { return m.resyncPasses })
	row("writes in a resync", func(m measurement) float64 { return m.resyncWrites })
	if err := table.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "An App of %d costs %.3f times as much as one of %d, by what the manager allocates for it.\n%s\n",
		many.apps, s.CostRatio, few.apps, line)
	return err
}

func rounded(f float64) float64 { return math.Round(f*1000) / 1000 }
