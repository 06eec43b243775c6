/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package lock keeps runs apart that would disturb each other.
package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Mode says who may hold the lock at the same time.
type Mode int

const (
	// Shared may be held by many.
	Shared Mode = unix.LOCK_SH
	// Exclusive is held by one alone.
	Exclusive Mode = unix.LOCK_EX
)

const retryInterval = 200 * time.Millisecond

// Held is a lock in our hands.
type Held struct {
	file *os.File
}

// Acquire takes the lock at path, waiting for whoever holds it. The first time
// that it has to wait it calls waiting with what the holder wrote about itself.
// purpose is what we write about ourselves, such as "cluster up".
func Acquire(ctx context.Context, path string, mode Mode, purpose string, waiting func(holder string)) (*Held, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("creating the folder of the lock: %w", err)
	}
	told := false
	for {
		held, err := try(path, mode)
		if err == nil {
			if mode == Exclusive {
				held.describe(purpose)
			}
			return held, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("taking the lock %s: %w", path, err)
		}
		if !told {
			waiting(holder(path))
			told = true
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the lock %s, held by %s: %w", path, holder(path), ctx.Err())
		case <-time.After(retryInterval):
		}
	}
}

// try fails with EWOULDBLOCK when the lock is taken, and also when the file
// was removed by its last holder between our open and our flock.
func try(path string, mode Mode) (*Held, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), int(mode)|unix.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, err
	}
	if !isStillAt(path, file) {
		_ = file.Close()
		return nil, unix.EWOULDBLOCK
	}
	return &Held{file: file}, nil
}

func isStillAt(path string, file *os.File) bool {
	ours, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(ours, there)
}

func (h *Held) describe(purpose string) {
	_ = h.file.Truncate(0)
	_, _ = h.file.WriteAt(fmt.Appendf(nil, "%s (pid %d)", purpose, os.Getpid()), 0)
}

func holder(path string) string {
	text, err := os.ReadFile(path)
	if err != nil || len(text) == 0 {
		return "another process"
	}
	return strings.TrimSpace(string(text))
}

// Release lets others in.
func (h *Held) Release() {
	_ = h.file.Close()
}

// Remove deletes the file and lets others in.
func (h *Held) Remove() {
	_ = os.Remove(h.file.Name())
	h.Release()
}
