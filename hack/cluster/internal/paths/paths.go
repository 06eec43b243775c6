/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package paths knows where the cluster keeps its files.
package paths

import (
	"errors"
	"path/filepath"
)

// Paths are the two roots of everything on disk. The state goes away with the
// cluster; the cache stays, so that a fresh clone need not build again.
type Paths struct {
	State string
	Cache string
}

// FromEnv follows the XDG base directories: $XDG_STATE_HOME/topas/cluster and
// $XDG_CACHE_HOME/topas, with the usual defaults below $HOME.
func FromEnv(getenv func(string) string) (Paths, error) {
	state, err := base(getenv, "XDG_STATE_HOME", ".local/state")
	if err != nil {
		return Paths{}, err
	}
	cache, err := base(getenv, "XDG_CACHE_HOME", ".cache")
	if err != nil {
		return Paths{}, err
	}
	return Paths{State: filepath.Join(state, "topas", "cluster"), Cache: filepath.Join(cache, "topas")}, nil
}

// The XDG specification tells to ignore values that are not absolute.
func base(getenv func(string) string, variable, fallback string) (string, error) {
	if dir := getenv(variable); filepath.IsAbs(dir) {
		return filepath.Clean(dir), nil
	}
	home := getenv("HOME")
	if !filepath.IsAbs(home) {
		return "", errors.New("neither " + variable + " nor HOME is set to an absolute path")
	}
	return filepath.Join(home, fallback), nil
}

// Kubeconfig is the file that clients on the host use.
func (p Paths) Kubeconfig() string { return filepath.Join(p.State, "kubeconfig") }

// Kube is the folder of the compiled Kubernetes binaries, one subfolder a key.
func (p Paths) Kube() string { return filepath.Join(p.Cache, "kube") }

// In returns a path below the state folder.
func (p Paths) In(elements ...string) string {
	return filepath.Join(append([]string{p.State}, elements...)...)
}
