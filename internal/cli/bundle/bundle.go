/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package bundle reads a test script and the files that go with it, as a TestRun carries them.
package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"
)

// Stdin is the name that stands for standard input in place of a script file.
const Stdin = "-"

// Bundle is a script with its files.
type Bundle struct {
	// ScriptName is the base name of the script file; empty when it came from standard input or
	// when there is no script.
	ScriptName string
	Script     string
	// Files are name -> content. Nil when there are none.
	Files map[string]string
}

// Options say what goes into a Bundle.
type Options struct {
	// Script is the script file, Stdin, or empty for a Bundle of files alone.
	Script string
	// Include are files and folders. Hidden files inside a folder are left out.
	Include []string
	// In is read when Script is Stdin.
	In io.Reader
}

// Load reads what the options name and checks it against the limits of a TestRun. An error names
// the file at fault.
func Load(opts Options) (Bundle, error) {
	workDir, err := os.Getwd()
	if err != nil {
		return Bundle{}, fmt.Errorf("finding the current directory: %w", err)
	}
	l := loader{workDir: workDir, scriptDir: workDir, sources: map[string]source{}}
	b := Bundle{}
	if opts.Script != "" {
		if b.ScriptName, b.Script, err = l.script(opts.Script, opts.In); err != nil {
			return Bundle{}, err
		}
	}
	for _, path := range opts.Include {
		if err := l.include(path); err != nil {
			return Bundle{}, err
		}
	}
	b.Files = l.files
	return b, b.checkSize()
}

// loader collects files under the names that the script will find them by.
type loader struct {
	workDir, scriptDir string
	scriptInfo         fs.FileInfo
	files              map[string]string
	// sources remembers which path each name came from.
	sources map[string]source
}

// source is a path as it was given and in its absolute form, by which it is compared.
type source struct{ given, abs string }

func (l *loader) script(path string, in io.Reader) (name, content string, err error) {
	if path == Stdin {
		data, err := io.ReadAll(in)
		if err != nil {
			return "", "", fmt.Errorf("reading the script from standard input: %w", err)
		}
		content, err := text("standard input", data)
		return "", content, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", "", readError("script", path, err)
	}
	if info.IsDir() {
		return "", "", fmt.Errorf("script %s is a folder: name the Lua file in it", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", "", readError("script", path, err)
	}
	if content, err = text(path, data); err != nil {
		return "", "", err
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", "", readError("script", path, err)
	}
	l.scriptDir, l.scriptInfo = filepath.Dir(abs), info
	name = filepath.Base(abs)
	if err := checkName(name, path); err != nil {
		return "", "", err
	}
	l.sources[name] = source{path, abs}
	return name, content, nil
}

func (l *loader) include(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return readError("included file", path, err)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return readError("included file", path, err)
	}
	parent := filepath.Dir(abs)
	if !info.IsDir() {
		return l.add(path, parent, info)
	}
	return filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return readError("included folder", file, err)
		}
		hidden := file != path && entry.Name()[0] == '.'
		switch {
		case hidden && entry.IsDir():
			return fs.SkipDir
		case hidden || entry.IsDir():
			return nil
		}
		info, err := os.Stat(file)
		if err != nil {
			return readError("included file", file, err)
		}
		return l.add(file, parent, info)
	})
}

// add reads one file. The script itself, when a folder with it is included, is not taken twice.
func (l *loader) add(path, base string, info fs.FileInfo) error {
	if l.scriptInfo != nil && os.SameFile(l.scriptInfo, info) {
		return nil
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("included file %s is no regular file (%s): include what it stands for by its own path", path, info.Mode().Type())
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return readError("included file", path, err)
	}
	name, err := l.name(abs, base)
	if err != nil {
		return readError("included file", path, err)
	}
	if err := checkName(name, path); err != nil {
		return err
	}
	if first, taken := l.sources[name]; taken {
		if first.abs == abs {
			return nil
		}
		return fmt.Errorf("%s and %s would both be named %q: rename one of them or leave it out", first.given, path, name)
	}
	// The size is known before reading, so a disk image given by mistake does not fill the memory.
	if info.Size() > MaxBytes {
		return tooLarge([]sized{{path, int(info.Size())}}, int(info.Size()))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return readError("included file", path, err)
	}
	content, err := text(path, data)
	if err != nil {
		return err
	}
	if l.files == nil {
		l.files = map[string]string{}
	}
	l.files[name], l.sources[name] = content, source{path, abs}
	return nil
}

// name is the path of a file relative to the first of these that holds it: the folder of the
// script, the current directory, base.
func (l *loader) name(abs, base string) (string, error) {
	for _, dir := range []string{l.scriptDir, l.workDir} {
		if rel, err := filepath.Rel(dir, abs); err == nil && filepath.IsLocal(rel) {
			return filepath.ToSlash(rel), nil
		}
	}
	rel, err := filepath.Rel(base, abs)
	if err != nil {
		return "", err
	}
	return filepath.ToSlash(rel), nil
}

func text(path string, data []byte) (string, error) {
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return "", fmt.Errorf("%s is a binary file: only UTF-8 text can go along with a test", path)
	}
	return string(data), nil
}

func readError(what, path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s %s does not exist", what, path)
	}
	return fmt.Errorf("reading %s: %w", what, err)
}
