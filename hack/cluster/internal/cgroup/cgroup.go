/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package cgroup makes the control group that all Pods lie in, and clears it away.
package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	emptyTimeout  = 5 * time.Second
	retryInterval = 50 * time.Millisecond
)

// Group is a control group by name, in every hierarchy of the machine.
type Group struct {
	Name string
}

// Create makes the group wherever it is missing.
func (g Group) Create() error {
	folders, err := g.folders()
	if err != nil {
		return err
	}
	for _, folder := range folders {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("creating a cgroup: %w", err)
		}
		if err := inheritCPUSet(folder); err != nil {
			return fmt.Errorf("creating a cgroup: %w", err)
		}
	}
	return nil
}

// In version 1 a new cpuset is empty, and no process can be put into it.
func inheritCPUSet(folder string) error {
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		current, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || strings.TrimSpace(string(current)) != "" {
			continue
		}
		parent, err := os.ReadFile(filepath.Join(filepath.Dir(folder), name))
		if err != nil || strings.TrimSpace(string(parent)) == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(folder, name), parent, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Processes lists the ids of all processes in the group and below it.
func (g Group) Processes() ([]int, error) {
	folders, err := g.folders()
	if err != nil {
		return nil, err
	}
	seen := map[int]bool{}
	var pids []int
	for _, folder := range folders {
		for _, group := range descendants(folder) {
			text, err := os.ReadFile(filepath.Join(group, "cgroup.procs"))
			if err != nil {
				continue
			}
			for field := range strings.FieldsSeq(string(text)) {
				if pid, err := strconv.Atoi(field); err == nil && !seen[pid] {
					seen[pid] = true
					pids = append(pids, pid)
				}
			}
		}
	}
	return pids, nil
}

// Remove deletes the group everywhere. Its processes must have been killed;
// it waits a little for the kernel to let go of them.
func (g Group) Remove() error {
	folders, err := g.folders()
	if err != nil {
		return err
	}
	deadline := time.Now().Add(emptyTimeout)
	for _, folder := range folders {
		groups := descendants(folder)
		// Parents come first in the list, and only leaves can be removed.
		for i := len(groups) - 1; i >= 0; i-- {
			if err := removeWhenEmpty(groups[i], deadline); err != nil {
				return err
			}
		}
	}
	return nil
}

func removeWhenEmpty(group string, deadline time.Time) error {
	for {
		err := unix.Rmdir(group)
		if err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return fmt.Errorf("removing the cgroup %s: %w", group, err)
		}
		<-time.After(retryInterval)
	}
}

func (g Group) folders() ([]string, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("finding the cgroup hierarchies: %w", err)
	}
	defer func() { _ = file.Close() }()
	roots, err := hierarchies(file)
	if err != nil {
		return nil, fmt.Errorf("finding the cgroup hierarchies: %w", err)
	}
	for i := range roots {
		roots[i] = filepath.Join(roots[i], g.Name)
	}
	return roots, nil
}

func hierarchies(mountinfo io.Reader) ([]string, error) {
	var roots []string
	lines := bufio.NewScanner(mountinfo)
	for lines.Scan() {
		mount, filesystem, ok := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(mount)
		if !ok || len(fields) < 5 || !strings.HasPrefix(fields[4], "/sys/fs/cgroup") {
			continue
		}
		if strings.HasPrefix(filesystem, "cgroup ") || strings.HasPrefix(filesystem, "cgroup2 ") {
			roots = append(roots, fields[4])
		}
	}
	return roots, lines.Err()
}

func descendants(folder string) []string {
	var groups []string
	_ = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			groups = append(groups, path)
		}
		return nil
	})
	return groups
}
