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
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/object"
)

// escapes is what os.Root says of a path that leads out of it; it has no error value for that.
const escapes = "path escapes from parent"

// PathError says that there is no file of that path.
type PathError struct{ err error }

func (e *PathError) Error() string { return e.err.Error() }

func (e *PathError) Unwrap() error { return e.err }

func checkLocal(name string) error {
	if name == "" {
		return errors.New("the path of the script inside the repository is missing")
	}
	if !isLocal(name) {
		return fmt.Errorf("path %q must stay inside the repository: write it relative to the root and without '..', such as tests/upgrade_test.lua", name)
	}
	return nil
}

// isLocal reports whether the slash-separated name stays inside the working tree, and out of git's own folders.
func isLocal(name string) bool {
	return filepath.IsLocal(filepath.FromSlash(name)) && !strings.ContainsRune(name, '\\') &&
		!slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return strings.EqualFold(part, gitDir) })
}

// checkPath makes sure that the path is a regular file of the checkout. A symbolic link may lead to it, but not out
// of the repository.
func checkPath(commit *object.Commit, o Options) error {
	root, err := os.OpenRoot(o.Dir)
	if err != nil {
		return fmt.Errorf("opening the checkout: %w", err)
	}
	defer func() { _ = root.Close() }()

	info, err := root.Stat(filepath.FromSlash(path.Clean(o.Path)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("path %q not found in commit %s%s", o.Path, commit.Hash, scripts(commit, o.Path))
	case err != nil && pathCause(err).Error() == escapes:
		return fmt.Errorf("path %q in commit %s is or goes through a symbolic link that leads out of the repository", o.Path, commit.Hash)
	case err != nil:
		return fmt.Errorf("path %q in commit %s can't be used: %w", o.Path, commit.Hash, pathCause(err))
	case info.IsDir():
		return fmt.Errorf("path %q in commit %s is a folder, must be a file%s", o.Path, commit.Hash, scripts(commit, o.Path))
	case !info.Mode().IsRegular():
		return fmt.Errorf("path %q in commit %s is not a regular file", o.Path, commit.Hash)
	}
	return nil
}

// pathCause leaves out the path on this machine.
func pathCause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

// scripts lists the Lua files of the commit, first those with the file name that was asked for.
func scripts(commit *object.Commit, wanted string) string {
	files, err := commit.Files()
	if err != nil {
		return ""
	}
	var names []string
	err = files.ForEach(func(f *object.File) error {
		if strings.HasSuffix(f.Name, ".lua") {
			names = append(names, f.Name)
		}
		return nil
	})
	if err != nil {
		return ""
	}
	if len(names) == 0 {
		return "; there is no .lua file in it"
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return rank(b, wanted) - rank(a, wanted)
	})
	return list("; the .lua files in it are ", names)
}

func rank(name, wanted string) int {
	if path.Base(name) == path.Base(wanted) {
		return len(name) + len(wanted)
	}
	return alike(name, wanted)
}
