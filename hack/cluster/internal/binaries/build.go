/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package binaries compiles Kubernetes, once for each set of inputs.
package binaries

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/topas-dev/topas/hack/cluster/internal/lock"
	"github.com/topas-dev/topas/hack/cluster/internal/progress"
)

// Version is the version of Kubernetes that go.mod requires. Servers without
// a version are refused by some clients.
const Version = "v1.36.3"

const multiCall = "kube-all"

// Components are the names that the multi-call binary answers to.
var Components = []string{
	"coredns", "etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubectl", "kubelet",
}

// Set is a folder of compiled binaries.
type Set struct {
	Dir string
	Key string
}

// Path returns the path of a binary by name.
func (s Set) Path(name string) string { return filepath.Join(s.Dir, name) }

// Builder finds binaries in a cache folder, or makes them.
type Builder struct {
	Cache    string
	Source   string
	Progress *progress.Printer
}

// Ensure returns the binaries for the present sources. The first time it
// compiles, which takes minutes; others that want the same wait for it.
func (b Builder) Ensure(ctx context.Context) (Set, error) {
	toolchain, err := b.toolchain(ctx)
	if err != nil {
		return Set{}, err
	}
	key, err := Key(b.Source, toolchain)
	if err != nil {
		return Set{}, fmt.Errorf("naming the build: %w", err)
	}
	set := Set{Dir: filepath.Join(b.Cache, key), Key: key}
	if isDir(set.Dir) {
		return set, nil
	}
	held, err := lock.Acquire(ctx, set.Dir+".lock", lock.Exclusive, "compiling Kubernetes", func(holder string) {
		b.Progress.Step("waiting for another build of the same binaries: %s", holder)
	})
	if err != nil {
		return Set{}, err
	}
	defer held.Remove()
	if isDir(set.Dir) {
		return set, nil
	}
	if err := b.build(ctx, set); err != nil {
		return Set{}, fmt.Errorf("building Kubernetes: %w", err)
	}
	return set, nil
}

func (b Builder) toolchain(ctx context.Context) (string, error) {
	command := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOOS", "GOARCH")
	command.Dir = b.Source
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("asking for the Go version: %w", err)
	}
	return strings.Join(strings.Fields(string(out)), " "), nil
}

// The folder appears under its name only when it is complete, so that an
// interrupted build leaves nothing that passes for a whole one.
func (b Builder) build(ctx context.Context, set Set) error {
	draft := filepath.Join(b.Cache, ".building-"+set.Key)
	if err := os.RemoveAll(draft); err != nil {
		return err
	}
	if err := os.MkdirAll(draft, 0o755); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(draft) }()

	b.Progress.Step("compiling Kubernetes %s (the first time on a machine: about 7 minutes on two cores)", Version)
	for _, program := range []string{multiCall, "pause"} {
		if err := b.compile(ctx, program, filepath.Join(draft, program)); err != nil {
			return err
		}
	}
	for _, name := range Components {
		if err := os.Symlink(multiCall, filepath.Join(draft, name)); err != nil {
			return err
		}
	}
	return os.Rename(draft, set.Dir)
}

func linkFlags() string {
	const version = "k8s.io/component-base/version."
	major, minor, _ := strings.Cut(strings.TrimPrefix(Version, "v"), ".")
	minor, _, _ = strings.Cut(minor, ".")
	return fmt.Sprintf("-s -w -X %[1]sgitVersion=%[2]s -X %[1]sgitMajor=%[3]s -X %[1]sgitMinor=%[4]s",
		version, Version, major, minor)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
