/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	format "github.com/go-git/go-git/v5/plumbing/format/config"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"
)

const (
	modulesFile = ".gitmodules"
	// maxModulesFile is far more than the submodules of any repository need.
	maxModulesFile = 1 << 20
	// maxDepth is how deep submodules may lie in each other. It ends those that hold themselves.
	maxDepth = 10
)

// checkoutSubmodules checks out what the commit, whose entries dir holds, has of submodules, and theirs. A repository inside
// a repository that .gitmodules does not name is nobody's submodule: its folder stays empty, as with git.
func checkoutSubmodules(ctx context.Context, src source, commit *object.Commit, entries []*index.Entry, dir string, depth int) error {
	modules, err := readModules(commit)
	if err != nil || len(modules) == 0 {
		return err
	}
	for _, entry := range entries {
		address, ok := modules[entry.Name]
		if !ok || entry.Mode != filemode.Submodule {
			continue
		}
		if depth == maxDepth {
			return fmt.Errorf("submodule %q: more than %d submodules lie in each other", entry.Name, maxDepth)
		}
		if err := checkoutSubmodule(ctx, src, address, entry, dir, depth+1); err != nil {
			return fmt.Errorf("submodule %q: %w", entry.Name, err)
		}
	}
	return nil
}

func checkoutSubmodule(ctx context.Context, parent source, address string, entry *index.Entry, dir string, depth int) error {
	src, err := parent.submodule(address)
	if err != nil {
		return err
	}
	_, err = checkout(ctx, src, entry.Hash.String(), filepath.Join(dir, filepath.FromSlash(entry.Name)), depth)
	return err
}

// readModules returns path -> URL of the submodules.
func readModules(commit *object.Commit) (map[string]string, error) {
	file, err := commit.File(modulesFile)
	if errors.Is(err, object.ErrFileNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", modulesFile, err)
	}
	if !file.Mode.IsRegular() || file.Size > maxModulesFile {
		return nil, fmt.Errorf("%s must be a regular file of at most %d bytes", modulesFile, maxModulesFile)
	}
	content, err := file.Contents()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", modulesFile, err)
	}
	parsed := format.New()
	if err := format.NewDecoder(strings.NewReader(content)).Decode(parsed); err != nil {
		return nil, fmt.Errorf("reading %s: %w", modulesFile, err)
	}
	modules := map[string]string{}
	for _, module := range parsed.Section("submodule").Subsections {
		name := module.Option("path")
		if !isLocal(name) {
			return nil, fmt.Errorf("%s: the path %q of submodule %q leads out of the repository", modulesFile, name, module.Name)
		}
		modules[path.Clean(name)] = module.Option("url")
	}
	return modules, nil
}
