/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// maxFile is how many bytes a file of a test may have.
const maxFile = 16 << 20

// place is a folder in which files are looked for.
type place struct {
	root *os.Root
	dir  string
}

// Files are the files of a test. They are read from a few folders and never from outside of these: neither ".." nor
// a symbolic link leads out.
type Files struct {
	roots  []*os.Root
	places []place
}

// openFiles opens the roots, and makes the folder of the script, inside the first of them, the first place to look.
func openFiles(roots []string, script string) (*Files, error) {
	if len(roots) == 0 {
		return nil, errors.New("no folder to read the script from")
	}
	f := &Files{}
	for _, dir := range roots {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("opening the folder of the test's files: %w", err), f.Close())
		}
		f.roots = append(f.roots, root)
		f.places = append(f.places, place{root: root, dir: "."})
	}
	if dir := path.Dir(script); dir != "." && filepath.IsLocal(filepath.FromSlash(dir)) {
		f.places = append([]place{{root: f.roots[0], dir: dir}}, f.places...)
	}
	return f, nil
}

// Close frees the folders.
func (f *Files) Close() error {
	var errs []error
	for _, root := range f.roots {
		errs = append(errs, root.Close())
	}
	return errors.Join(errs...)
}

// script reads the script itself, which lies in the first root.
func (f *Files) script(name string) ([]byte, error) {
	first := Files{places: []place{{root: f.roots[0], dir: "."}}}
	source, err := first.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &scriptNotFoundError{script: name}
	}
	return source, err
}

// ReadFile returns the content of a file by its slash-separated path. It is looked for beside the script, then from
// the root of the script's folder, then from the other roots. The error is fs.ErrNotExist where there is none.
func (f *Files) ReadFile(name string) ([]byte, error) {
	if name == "" || path.IsAbs(name) || strings.ContainsRune(name, '\\') {
		return nil, fmt.Errorf("the file name %q must be relative to the script and have slashes between folders, such as tests/api.json", name)
	}
	inside := false
	for _, p := range f.places {
		full := filepath.FromSlash(path.Join(p.dir, name))
		if !filepath.IsLocal(full) {
			continue
		}
		inside = true
		data, err := read(p.root, full)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, cause(err))
		}
		return data, nil
	}
	if !inside {
		return nil, fmt.Errorf("the file %s lies outside of the test's files", name)
	}
	return nil, fmt.Errorf("reading %s: %w", name, fs.ErrNotExist)
}

func read(root *os.Root, name string) ([]byte, error) {
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("it has more than %d MiB", maxFile>>20)
	}
	return data, nil
}

// cause leaves out the path on this machine, which says nothing to the author of a test.
func cause(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}
