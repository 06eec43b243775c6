/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// maxPath is the longest path, and symbolic link, that Linux takes. It bounds how deep folders lie in each other.
const maxPath = 4096

// writeWorktree writes the files of the commit into dir, which holds nothing but the repository, and returns what git's index
// says of them. go-git's own checkout reads the list of a whole folder anew for each file in it.
func writeWorktree(ctx context.Context, repo *gogit.Repository, commit *object.Commit, dir string) ([]*index.Entry, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the folder: %w", err)
	}
	defer func() { _ = root.Close() }()

	w := &treeWriter{objects: repo.Storer}
	if err := w.writeFolder(ctx, commit.TreeHash, root, ""); err != nil {
		return nil, err
	}
	if err := repo.Storer.SetIndex(&index.Index{Version: 2, Entries: w.entries}); err != nil {
		return nil, fmt.Errorf("writing the index: %w", err)
	}
	if err := repo.Storer.SetReference(plumbing.NewHashReference(plumbing.HEAD, commit.Hash)); err != nil {
		return nil, fmt.Errorf("writing HEAD: %w", err)
	}
	return w.entries, nil
}

// treeWriter makes every file, link and folder anew, inside the folder that it made before, so that no name in a tree, and no
// link that an earlier one made, leads it anywhere else.
type treeWriter struct {
	objects storer.EncodedObjectStorer
	entries []*index.Entry
}

// writeFolder writes a tree into the folder; prefix is the folder's path with a slash at its end, or nothing.
func (w *treeWriter) writeFolder(ctx context.Context, hash plumbing.Hash, folder *os.Root, prefix string) error {
	tree, err := object.GetTree(w.objects, hash)
	if err != nil {
		return fmt.Errorf("reading the folder %q: %w", prefix, err)
	}
	for _, entry := range tree.Entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := prefix + entry.Name
		if !isLocal(entry.Name) || strings.Contains(entry.Name, "/") || len(name) > maxPath {
			return fmt.Errorf("the path %q can't be a file's", name)
		}
		if entry.Mode == filemode.Dir {
			err = w.writeSubfolder(ctx, entry, folder, name+"/")
		} else {
			err = w.writeEntry(entry, folder, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *treeWriter) writeSubfolder(ctx context.Context, entry object.TreeEntry, parent *os.Root, prefix string) error {
	if err := parent.Mkdir(entry.Name, 0o755); err != nil {
		return fmt.Errorf("making the folder %q: %w", prefix, pathCause(err))
	}
	folder, err := parent.OpenRoot(entry.Name)
	if err != nil {
		return fmt.Errorf("opening the folder %q: %w", prefix, pathCause(err))
	}
	defer func() { _ = folder.Close() }()
	return w.writeFolder(ctx, entry.Hash, folder, prefix)
}

func (w *treeWriter) writeEntry(entry object.TreeEntry, folder *os.Root, name string) error {
	var size int64
	var err error
	if entry.Mode == filemode.Submodule {
		err = folder.Mkdir(entry.Name, 0o755)
	} else {
		size, err = w.writeBlob(entry, folder)
	}
	if err != nil {
		return fmt.Errorf("writing %q: %w", name, pathCause(err))
	}
	w.entries = append(w.entries, &index.Entry{Name: name, Hash: entry.Hash, Mode: entry.Mode, Size: uint32(size)})
	return nil
}

func (w *treeWriter) writeBlob(entry object.TreeEntry, folder *os.Root) (size int64, err error) {
	blob, err := object.GetBlob(w.objects, entry.Hash)
	if err != nil {
		return 0, err
	}
	from, err := blob.Reader()
	if err != nil {
		return 0, err
	}
	defer func() { _ = from.Close() }()
	if entry.Mode == filemode.Symlink {
		return blob.Size, writeLink(from, folder, entry.Name)
	}
	perm := os.FileMode(0o644)
	if entry.Mode == filemode.Executable {
		perm = 0o755
	}
	to, err := folder.OpenFile(entry.Name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(to, from)
	if closeErr := to.Close(); err == nil {
		err = closeErr
	}
	return blob.Size, err
}

func writeLink(from io.Reader, folder *os.Root, name string) error {
	target, err := io.ReadAll(io.LimitReader(from, maxPath)) // the system refuses one that is as long
	if err != nil {
		return err
	}
	return folder.Symlink(string(target), name)
}
