/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package kube

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// Watchdog kills processes when the one that started it is gone without having stopped them, because it was killed or
// panicked after a test's -timeout. It notices by the end of its standard input.
type Watchdog struct {
	command *exec.Cmd
	alive   *os.File
}

// watchServers returns nil where there is no /proc to find the servers by.
func watchServers() (*Watchdog, error) {
	if runtime.GOOS != "linux" {
		return nil, nil
	}
	servers, err := serverProcesses()
	if err != nil {
		return nil, fmt.Errorf("looking for the processes of the API server: %w", err)
	}
	return Watch(servers...)
}

// Watch starts a Watchdog for the processes with these ids.
func Watch(ids ...string) (*Watchdog, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting the watchdog: %w", err)
	}
	command := exec.Command("sh", "-c", `read _; kill -9 "$@"`, "watchdog") //nolint:gosec // the arguments are numbers
	command.Args = append(command.Args, ids...)
	command.Stdin = read
	// An interrupt in the terminal is for the program.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = command.Start()
	_ = read.Close() // the watchdog has its own
	if err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("starting the watchdog: %w", err)
	}
	return &Watchdog{command: command, alive: write}, nil
}

// Stop ends the watchdog; the processes are not its business any more.
func (w *Watchdog) Stop() {
	if w == nil {
		return
	}
	_ = w.command.Process.Kill()
	_ = w.command.Wait() // it was killed, which is an error by that name only
	_ = w.alive.Close()
}

// serverProcesses are the ids of the test binary's children that are etcd or kube-apiserver. envtest doesn't tell.
func serverProcesses() ([]string, error) {
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, list := range lists {
		// A thread may have ended since.
		ids, err := os.ReadFile(list)
		if err != nil {
			continue
		}
		for _, id := range strings.Fields(string(ids)) {
			name, err := os.ReadFile(filepath.Join("/proc", id, "cmdline"))
			if err != nil {
				continue
			}
			program, _, _ := strings.Cut(string(name), "\x00")
			if base := filepath.Base(program); base == "etcd" || base == "kube-apiserver" {
				found = append(found, id)
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("none is a child of process %d", os.Getpid())
	}
	return found, nil
}
