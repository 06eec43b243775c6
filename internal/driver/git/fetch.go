/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package git fetches one revision of a repository into a folder.
package git

import (
	"context"
	"errors"
	"fmt"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
)

const remoteName = "origin"

// Options say what is fetched and to where.
type Options struct {
	// URL of the repository: http:// or https://. A user and password inside it are used to log in; they are
	// neither stored in Dir nor shown in an error.
	URL string
	// Revision is a branch, a tag, or a full or short commit SHA. Where a branch and a tag have the same name, the
	// branch is taken. Empty means the default branch.
	Revision string
	// Path of the file that must be there, relative to the root of the repository.
	Path string
	// Dir becomes the working tree. It must be empty, or hold what an earlier Fetch left there, whole or not:
	// that is removed. It is made when it is missing.
	Dir string
}

// Fetch checks the revision out into the folder and returns the full SHA of its commit. Only the history that is
// needed to find the commit is fetched: none for a branch, a tag, and a full SHA that the server gives away.
//
// The errors name the repository, the revision or the path that isn't there, and what is there instead.
func Fetch(ctx context.Context, o Options) (string, error) {
	src, err := parseURL(o.URL)
	if err != nil {
		return "", err
	}
	if err := checkLocal(o.Path); err != nil {
		return "", err
	}
	commit, err := checkout(ctx, src, o)
	if err != nil {
		return "", err
	}
	return commit.String(), nil
}

func checkout(ctx context.Context, src source, o Options) (plumbing.Hash, error) {
	refs, err := src.list(ctx)
	if err != nil {
		return plumbing.ZeroHash, src.explain(err)
	}
	wanted, err := choose(refs, o.Revision)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("%s: %w", src.url, err)
	}

	repo, commit, err := obtain(ctx, src, wanted, o.Dir)
	switch {
	case errors.Is(err, errUnknownRevision):
		return plumbing.ZeroHash, fmt.Errorf("%s: %w", src.url, unknownRevision(refs, o.Revision))
	case err != nil:
		return plumbing.ZeroHash, src.explain(err)
	}

	tree, err := repo.Worktree()
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("opening the working tree in %s: %w", o.Dir, err)
	}
	if err := tree.Checkout(&gogit.CheckoutOptions{Hash: commit, Force: true}); err != nil {
		return plumbing.ZeroHash, fmt.Errorf("checking out commit %s of %s: %w", commit, src.url, err)
	}
	if err := checkPath(repo, commit, o); err != nil {
		return plumbing.ZeroHash, fmt.Errorf("%s: %w", src.url, err)
	}
	return commit, nil
}

// obtain brings the wanted commit into a fresh repository in dir.
func obtain(ctx context.Context, src source, want target, dir string) (*gogit.Repository, plumbing.Hash, error) {
	if want.spec != "" {
		repo, commit, err := fetchInto(ctx, src, dir, 1, want.resolve, config.RefSpec(want.spec))
		if want.sha == "" || err == nil || ctx.Err() != nil {
			return repo, commit, err
		}
		// Servers may refuse to give away a commit by its SHA, each in words of its own. Its branch still holds it.
	}
	return fetchInto(ctx, src, dir, 0, want.resolve, "+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
}

// fetchInto fetches into a repository that is made anew, because a fetch of a SHA into an existing shallow
// repository corrupts it: https://github.com/go-git/go-git/issues/1884
func fetchInto(
	ctx context.Context, src source, dir string, depth int, resolve resolver, specs ...config.RefSpec,
) (*gogit.Repository, plumbing.Hash, error) {
	if err := prepare(dir); err != nil {
		return nil, plumbing.ZeroHash, err
	}
	repo, err := gogit.PlainInit(dir, false)
	if err != nil {
		return nil, plumbing.ZeroHash, fmt.Errorf("making a repository in %s: %w", dir, err)
	}
	if _, err := repo.CreateRemote(&config.RemoteConfig{Name: remoteName, URLs: []string{src.url}}); err != nil {
		return nil, plumbing.ZeroHash, fmt.Errorf("making a repository in %s: %w", dir, err)
	}
	err = repo.FetchContext(ctx, &gogit.FetchOptions{
		RemoteName: remoteName,
		RefSpecs:   specs,
		Depth:      depth,
		Auth:       src.auth(),
		Tags:       gogit.NoTags,
	})
	if err != nil {
		return nil, plumbing.ZeroHash, err
	}
	commit, err := resolve(repo)
	return repo, commit, err
}
