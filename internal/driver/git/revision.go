/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
)

// maxListed is how many names an error lists at most.
const maxListed = 5

var (
	shaPattern = regexp.MustCompile(`^[0-9a-f]{4,40}$`)

	errUnknownRevision = errors.New("unknown revision")
)

// resolver finds the wanted commit in what was fetched.
type resolver func(*gogit.Repository) (plumbing.Hash, error)

// target is how the wanted commit is got.
type target struct {
	// spec fetches the commit alone. Empty means that it can be found only in the whole history.
	spec string
	// sha is set where the server may refuse the spec.
	sha     string
	resolve resolver
}

const fetched = "refs/topas/fetched"

// choose finds the revision among what the server has. What it doesn't name may still be a commit.
func choose(refs []*plumbing.Reference, revision string) (target, error) {
	if revision == "" {
		return chooseDefault(refs)
	}
	for _, name := range []string{"refs/heads/" + revision, "refs/tags/" + revision, revision} {
		if strings.HasPrefix(name, "refs/") && slices.ContainsFunc(refs, named(name)) {
			return reference(name), nil
		}
	}
	sha := strings.ToLower(revision)
	switch {
	case !shaPattern.MatchString(sha):
		return target{}, unknownRevision(refs, revision)
	case len(sha) < 40:
		return target{resolve: abbreviated(sha)}, nil
	}
	for _, ref := range refs {
		if ref.Hash().String() == sha && (ref.Name().IsBranch() || ref.Name().IsTag()) {
			// Every server gives a branch away. Should it move on meanwhile, the whole history has the commit.
			return target{spec: "+" + ref.Name().String() + ":" + fetched, sha: sha, resolve: exact(sha)}, nil
		}
	}
	return target{spec: sha + ":" + fetched, sha: sha, resolve: exact(sha)}, nil
}

func chooseDefault(refs []*plumbing.Reference) (target, error) {
	for _, ref := range refs {
		switch {
		case ref.Name() != plumbing.HEAD:
		case ref.Type() == plumbing.SymbolicReference:
			if slices.ContainsFunc(refs, named(ref.Target().String())) {
				return reference(ref.Target().String()), nil
			}
		default:
			return reference(plumbing.HEAD.String()), nil
		}
	}
	return target{}, fmt.Errorf("the repository has no default branch: give a revision%s", nearby(refs, ""))
}

func named(name string) func(*plumbing.Reference) bool {
	return func(ref *plumbing.Reference) bool { return ref.Name().String() == name }
}

func reference(name string) target {
	return target{spec: "+" + name + ":" + fetched, resolve: func(repo *gogit.Repository) (plumbing.Hash, error) {
		ref, err := repo.Reference(fetched, true)
		if err != nil {
			return plumbing.ZeroHash, fmt.Errorf("reading %s: %w", name, err)
		}
		return peel(repo, ref.Hash())
	}}
}

// peel follows annotated tags, which may point to each other, to the commit.
func peel(repo *gogit.Repository, hash plumbing.Hash) (plumbing.Hash, error) {
	for {
		tag, err := repo.TagObject(hash)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			break
		}
		if err != nil {
			return plumbing.ZeroHash, fmt.Errorf("reading tag %s: %w", hash, err)
		}
		hash = tag.Target
	}
	if _, err := repo.CommitObject(hash); err != nil {
		return plumbing.ZeroHash, fmt.Errorf("%s is not a commit: %w", hash, err)
	}
	return hash, nil
}

func exact(sha string) resolver {
	return func(repo *gogit.Repository) (plumbing.Hash, error) {
		commit, err := peel(repo, plumbing.NewHash(sha))
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			return plumbing.ZeroHash, errUnknownRevision
		}
		return commit, err
	}
}

func abbreviated(prefix string) resolver {
	return func(repo *gogit.Repository) (plumbing.Hash, error) {
		store, ok := repo.Storer.(interface {
			HashesWithPrefix(prefix []byte) ([]plumbing.Hash, error)
		})
		if !ok {
			return plumbing.ZeroHash, fmt.Errorf("the storage %T can't look up short SHAs", repo.Storer)
		}
		// The storage looks up whole bytes, a short SHA may end in half of one.
		whole, err := hex.DecodeString(prefix[:len(prefix)&^1])
		if err != nil {
			return plumbing.ZeroHash, fmt.Errorf("reading the SHA %s: %w", prefix, err)
		}
		hashes, err := store.HashesWithPrefix(whole)
		if err != nil {
			return plumbing.ZeroHash, fmt.Errorf("looking up the SHA %s: %w", prefix, err)
		}
		var commits []plumbing.Hash
		for _, hash := range hashes {
			if _, err := repo.CommitObject(hash); err == nil && strings.HasPrefix(hash.String(), prefix) {
				commits = append(commits, hash)
			}
		}
		switch len(commits) {
		case 0:
			return plumbing.ZeroHash, errUnknownRevision
		case 1:
			return commits[0], nil
		default:
			return plumbing.ZeroHash, fmt.Errorf("revision %s is ambiguous: %d commits begin with it; give more digits", prefix, len(commits))
		}
	}
}

func unknownRevision(refs []*plumbing.Reference, revision string) error {
	return fmt.Errorf("revision %q not found: it is no branch, tag or commit of the repository%s", revision, nearby(refs, revision))
}

// nearby lists some branches and tags, first those that begin most like the one that was asked for.
func nearby(refs []*plumbing.Reference, revision string) string {
	var names []string
	for _, ref := range refs {
		if ref.Name().IsBranch() || ref.Name().IsTag() {
			names = append(names, ref.Name().Short())
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	slices.SortStableFunc(names, func(a, b string) int { return alike(b, revision) - alike(a, revision) })
	return list("; there are ", names)
}

// alike is the number of characters with which both begin.
func alike(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func list(intro string, names []string) string {
	switch {
	case len(names) == 0:
		return ""
	case len(names) <= maxListed:
		return intro + strings.Join(names, ", ")
	default:
		return fmt.Sprintf("%s%s and %d more", intro, strings.Join(names[:maxListed], ", "), len(names)-maxListed)
	}
}
