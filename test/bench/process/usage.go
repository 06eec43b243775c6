/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit in which the kernel tells times to programs.
const tick = 10 * time.Millisecond

// Usage is what a program has used since its start, as Linux knows it.
type Usage struct {
	CPU time.Duration
	// PeakMemory is the most memory that was resident at once, in bytes.
	PeakMemory int64
}

// Usage reads what the program has used until now.
func (p *Process) Usage() (Usage, error) {
	dir := fmt.Sprintf("/proc/%d/", p.command.Process.Pid)
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return Usage{}, fmt.Errorf("reading what %s has used: %w", p.name, err)
	}
	status, err := os.ReadFile(dir + "status")
	if err != nil {
		return Usage{}, fmt.Errorf("reading what %s has used: %w", p.name, err)
	}
	used, err := parseUsage(string(stat), string(status))
	if err != nil {
		return Usage{}, fmt.Errorf("reading what %s has used: %w", p.name, err)
	}
	return used, nil
}

// parseUsage reads the files stat and status of a process: see proc(5).
func parseUsage(stat, status string) (Usage, error) {
	// The second field is the program's name, which may hold anything.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return Usage{}, fmt.Errorf("%q has no CPU time", stat)
	}
	var used Usage
	for _, field := range fields[11:13] { // in user mode and in the kernel
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return Usage{}, fmt.Errorf("%q has no CPU time: %w", stat, err)
		}
		used.CPU += time.Duration(ticks) * tick
	}
	_, peak, _ := strings.Cut(status, "\nVmHWM:")
	peak, _, _ = strings.Cut(peak, " kB\n")
	kb, err := strconv.ParseInt(strings.TrimSpace(peak), 10, 64)
	if err != nil {
		return Usage{}, fmt.Errorf("%q has no VmHWM: %w", status, err)
	}
	used.PeakMemory = kb << 10
	return used, nil
}
