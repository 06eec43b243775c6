/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Identity names one process for ever. A pid alone does not: pids are used
// again, and after a reboot start times are too.
type Identity struct {
	PID       int    `json:"pid"`
	StartTime uint64 `json:"startTime"` // clock ticks since boot
	BootID    string `json:"bootID"`
}

// Identify looks up a running process. Zombies do not count.
func Identify(pid int) (Identity, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return Identity{}, fmt.Errorf("looking up process %d: %w", pid, err)
	}
	state, start, err := parseStat(text)
	if err != nil {
		return Identity{}, fmt.Errorf("looking up process %d: %w", pid, err)
	}
	if state == 'Z' || state == 'X' {
		return Identity{}, fmt.Errorf("looking up process %d: %w", pid, os.ErrProcessDone)
	}
	boot, err := BootID()
	if err != nil {
		return Identity{}, err
	}
	return Identity{PID: pid, StartTime: start, BootID: boot}, nil
}

// Alive tells whether this very process still runs.
func (i Identity) Alive() bool {
	now, err := Identify(i.PID)
	return err == nil && now == i
}

// Signal reaches this very process or none.
func (i Identity) Signal(signal syscall.Signal) {
	if i.Alive() {
		_ = syscall.Kill(i.PID, signal)
	}
}

// BootID is different after each start of the machine.
func BootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("reading the boot id: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// The second field of the line is the command in brackets, which may itself
// hold blanks and brackets: count from the last one.
func parseStat(text []byte) (state byte, start uint64, err error) {
	end := bytes.LastIndexByte(text, ')')
	if end < 0 {
		return 0, 0, fmt.Errorf("unexpected content %q of the stat file", text)
	}
	fields := strings.Fields(string(text[end+1:]))
	const startTime = 22 - 3 // field 22 of the line; field 3 comes first here
	if len(fields) <= startTime {
		return 0, 0, fmt.Errorf("unexpected content %q of the stat file", text)
	}
	start, err = strconv.ParseUint(fields[startTime], 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("start time in the stat file: %w", err)
	}
	return fields[0][0], start, nil
}
