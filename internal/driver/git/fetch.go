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
	"time"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

const remoteName = "origin"

// Options say what is fetched and to where.
type Options struct {
	// URL of the repository: http://, https://, ssh:// or user@host:path. It holds no password.
	URL string
	// Credentials for the server of the URL, and for no other.
	Credentials Credentials
	// Revision is a branch, a tag, or a full or short commit SHA. Where a branch and a tag have the same name, the
	// branch is taken. Empty means the default branch.
	Revision string
	// Path of the file that must be there, relative to the root of the repository.
	Path string
	// Dir becomes the working tree. It must be empty, or hold what an earlier Fetch left there, whole or not:
	// that is removed. It is made when it is missing.
	Dir string
	// Waits are how long to wait before each further attempt after a fault of the network. Nothing else is tried again.
	Waits []time.Duration
	// Retrying is told of every fault that is followed by an attempt. It may be nil.
	Retrying func(fault error, wait time.Duration)
}

// Fetch checks the revision out into the folder and returns the full SHA of its commit. Only the history that is
// needed to find the commit is fetched: none for a branch, a tag, and a full SHA that the server gives away.
//
// Submodules are checked out as well, each at the commit that its repository is meant to have.
//
// The errors name the repository, the revision or the path that isn't there, and what is there instead. Those about
// the credentials are an AuthError, those about the path a PathError.
func Fetch(ctx context.Context, o Options) (string, error) {
	src, err := newSource(o.URL, o.Credentials)
	if err != nil {
		return "", err
	}
	if err := checkLocal(o.Path); err != nil {
		return "", &PathError{err}
	}
	for _, wait := range o.Waits {
		commit, err := attempt(ctx, src, o)
		if _, fault := errors.AsType[*networkError](err); !fault {
			return commit, err
		}
		if o.Retrying != nil {
			o.Retrying(err, wait)
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("%w, after: %w", ctx.Err(), err)
		case <-time.After(wait):
		}
	}
	return attempt(ctx, src, o)
}

// attempt returns when the context ends, though go-git connects to an SSH server without regard to it.
func attempt(ctx context.Context, src source, o Options) (string, error) {
	if src.scheme != schemeSSH {
		return fetchOnce(ctx, src, o)
	}
	type outcome struct {
		commit string
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		commit, err := fetchOnce(ctx, src, o)
		done <- outcome{commit, err}
	}()
	select {
	case <-ctx.Done():
		return "", src.explain(ctx.Err())
	case got := <-done:
		return got.commit, got.err
	}
}

func fetchOnce(ctx context.Context, src source, o Options) (string, error) {
	commit, err := checkout(ctx, src, o.Revision, o.Dir, 0)
	if err != nil {
		return "", err
	}
	if err := checkPath(commit, o); err != nil {
		return "", &PathError{fmt.Errorf("%s: %w", src.url, err)}
	}
	return commit.Hash.String(), nil
}

// checkout brings the revision of a repository, with its submodules, into dir. It lies depth submodules deep.
func checkout(ctx context.Context, src source, revision, dir string, depth int) (*object.Commit, error) {
	refs, err := src.list(ctx)
	if err != nil {
		return nil, src.explain(err)
	}
	wanted, err := choose(refs, revision)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", src.url, err)
	}

	repo, hash, err := obtain(ctx, src, wanted, dir)
	switch {
	case errors.Is(err, errUnknownRevision):
		return nil, fmt.Errorf("%s: %w", src.url, unknownRevision(refs, revision))
	case err != nil:
		return nil, src.explain(err)
	}

	commit, err := repo.CommitObject(hash)
	if err != nil {
		return nil, fmt.Errorf("%s: reading commit %s: %w", src.url, hash, err)
	}
	entries, err := writeWorktree(ctx, repo, commit, dir)
	if err != nil {
		return nil, fmt.Errorf("checking out commit %s of %s: %w", hash, src.url, err)
	}
	if err := checkoutSubmodules(ctx, src, commit, entries, dir, depth); err != nil {
		return nil, fmt.Errorf("%s: %w", src.url, err)
	}
	return commit, nil
}

// obtain brings the wanted commit into a fresh repository in dir.
func obtain(ctx context.Context, src source, want target, dir string) (*gogit.Repository, plumbing.Hash, error) {
	if want.spec != "" {
		repo, commit, err := fetchInto(ctx, src, dir, 1, want.resolve, config.RefSpec(want.spec))
		if want.sha == "" || err == nil || ctx.Err() != nil || networkFault(err) {
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
		Auth:       src.auth,
		CABundle:   src.ca(),
		Tags:       gogit.NoTags,
	})
	if err != nil {
		return nil, plumbing.ZeroHash, err
	}
	commit, err := resolve(repo)
	return repo, commit, err
}
