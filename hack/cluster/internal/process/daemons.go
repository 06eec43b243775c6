/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package process starts daemons that outlive us, finds them again, and stops
// them, without ever touching a process that merely got the same pid.
package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	maxLogSize   = 16 << 20 // bytes; larger ones are put aside at the next start
	pollInterval = 20 * time.Millisecond
	killTimeout  = 5 * time.Second
)

// Command is what a daemon runs.
type Command struct {
	Name  string
	Path  string
	Args  []string
	Env   []string
	Files []*os.File // inherited, from file descriptor 3 on
}

// Daemons keeps records of daemons in one folder and their logs in another.
type Daemons struct {
	Records string
	Logs    string
}

// Start runs a daemon in a session of its own, so that the end of our terminal
// or of `make` does not reach it. enter runs the function it is given in the
// place where the daemon belongs, such as a network namespace.
func (d Daemons) Start(command Command, enter func(func() error) error) error {
	if err := d.start(command, enter); err != nil {
		return fmt.Errorf("starting %s: %w", command.Name, err)
	}
	return nil
}

func (d Daemons) start(command Command, enter func(func() error) error) error {
	for _, folder := range []string{d.Records, d.Logs} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	log, err := d.openLog(command.Name)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()

	daemon := exec.Command(command.Path, command.Args...)
	daemon.Env = command.Env
	daemon.Dir = "/"
	daemon.Stdout, daemon.Stderr = log, log
	daemon.ExtraFiles = command.Files
	daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := enter(daemon.Start); err != nil {
		return err
	}
	identity, identifyErr := Identify(daemon.Process.Pid)
	// Reap it should it die while we are here: a zombie must not pass for a daemon.
	go func() { _ = daemon.Wait() }()
	if identifyErr != nil {
		return fmt.Errorf("it ended at once, see %s", log.Name())
	}
	return d.write(command.Name, identity)
}

func (d Daemons) openLog(name string) (*os.File, error) {
	path := d.Log(name)
	if info, err := os.Stat(path); err == nil && info.Size() > maxLogSize {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}

// Log is the file that a daemon's output goes to.
func (d Daemons) Log(name string) string { return filepath.Join(d.Logs, name+".log") }

func (d Daemons) record(name string) string { return filepath.Join(d.Records, name+".json") }

func (d Daemons) write(name string, identity Identity) error {
	text, err := json.Marshal(identity)
	if err != nil {
		return err
	}
	return os.WriteFile(d.record(name), text, 0o644)
}

// Find returns the running daemon of that name.
func (d Daemons) Find(name string) (Identity, bool) {
	text, err := os.ReadFile(d.record(name))
	if err != nil {
		return Identity{}, false
	}
	var identity Identity
	if json.Unmarshal(text, &identity) != nil || !identity.Alive() {
		return Identity{}, false
	}
	return identity, true
}

// Stop asks a daemon to end, waits for grace, then kills it.
func (d Daemons) Stop(name string, grace time.Duration) error {
	if identity, running := d.Find(name); running {
		if err := Terminate(grace, identity); err != nil {
			return fmt.Errorf("stopping %s: %w", name, err)
		}
	}
	if err := os.Remove(d.record(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("stopping %s: %w", name, err)
	}
	return nil
}

// Terminate ends processes: SIGTERM, and SIGKILL for those that are still
// there after grace (at once when it is 0).
func Terminate(grace time.Duration, processes ...Identity) error {
	if grace > 0 {
		signalAll(syscall.SIGTERM, processes)
		if waitForEnd(grace, processes) {
			return nil
		}
	}
	signalAll(syscall.SIGKILL, processes)
	if waitForEnd(killTimeout, processes) {
		return nil
	}
	return fmt.Errorf("processes %v do not end, even when killed", alive(processes))
}

func signalAll(signal syscall.Signal, processes []Identity) {
	for _, process := range processes {
		process.Signal(signal)
	}
}

func waitForEnd(limit time.Duration, processes []Identity) bool {
	deadline := time.Now().Add(limit)
	for len(alive(processes)) > 0 {
		if time.Now().After(deadline) {
			return false
		}
		<-time.After(pollInterval)
	}
	return true
}

func alive(processes []Identity) []int {
	var pids []int
	for _, process := range processes {
		if process.Alive() {
			pids = append(pids, process.PID)
		}
	}
	return pids
}
