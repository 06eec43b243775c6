/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	gitDir = ".git"
	// marker, in .git, says that the folder was made by Fetch and may be emptied by it. It is there before
	// anything else and is never removed, so a Fetch that was killed at any line can be repeated.
	marker = "topas-fetch"
)

// prepare makes dir an empty folder with the marker.
func prepare(dir string) error {
	if dir == "" {
		return errors.New("the folder to fetch into is missing")
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("preparing the folder: %w", err)
	}
	if !reusable(dir, entries) {
		return fmt.Errorf("the folder %s is not empty and was not made by an earlier fetch: give an empty one", dir)
	}
	for _, entry := range entries {
		if entry.Name() == gitDir {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return fmt.Errorf("emptying the folder: %w", err)
		}
	}
	return emptyGitDir(filepath.Join(dir, gitDir))
}

// reusable reports whether dir holds nothing that anybody could miss.
func reusable(dir string, entries []fs.DirEntry) bool {
	if len(entries) == 0 {
		return true
	}
	if _, err := os.Lstat(filepath.Join(dir, gitDir, marker)); err == nil {
		return true
	}
	inside, err := os.ReadDir(filepath.Join(dir, gitDir))
	return err == nil && len(entries) == 1 && len(inside) == 0
}

func emptyGitDir(path string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	if err := os.WriteFile(filepath.Join(path, marker), nil, 0o644); err != nil {
		return fmt.Errorf("marking the folder: %w", err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("emptying the folder: %w", err)
	}
	for _, entry := range entries {
		if entry.Name() == marker {
			continue
		}
		if err := os.RemoveAll(filepath.Join(path, entry.Name())); err != nil {
			return fmt.Errorf("emptying the folder: %w", err)
		}
	}
	return nil
}
