/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package lock

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAcquireWaitsForTheHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := Acquire(t.Context(), path, Exclusive, "cluster up", nil)
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 1)
	done := make(chan error, 1)
	go func() {
		second, err := Acquire(context.Background(), path, Exclusive, "cluster down", func(h string) { told <- h })
		if err == nil {
			second.Release()
		}
		done <- err
	}()
	if holder := <-told; !strings.HasPrefix(holder, "cluster up (pid ") {
		t.Errorf("the one who waits is told of %q, want the first holder", holder)
	}
	// Removing is what `cluster down` does at its end: the waiter must get a lock on the new file.
	first.Remove()
	if err := <-done; err != nil {
		t.Errorf("acquire after the first holder left: %v", err)
	}
}

func TestAcquireGivesUpWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	held, err := Acquire(t.Context(), path, Exclusive, "cluster up", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = Acquire(ctx, path, Shared, "", func(string) {})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "cluster up") {
		t.Errorf("got %v, want a deadline error that names the holder", err)
	}
}

func TestSharedHoldersDoNotWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	for range 2 {
		held, err := Acquire(t.Context(), path, Shared, "", func(h string) { t.Errorf("had to wait for %s", h) })
		if err != nil {
			t.Fatal(err)
		}
		defer held.Release()
	}
}
