/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package local runs a one-node Kubernetes straight on the machine, in a
// network namespace of its own.
package local

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/topas-dev/topas/hack/cluster/internal/binaries"
	"github.com/topas-dev/topas/hack/cluster/internal/cgroup"
	"github.com/topas-dev/topas/hack/cluster/internal/containerd"
	"github.com/topas-dev/topas/hack/cluster/internal/debian"
	"github.com/topas-dev/topas/hack/cluster/internal/image"
	"github.com/topas-dev/topas/hack/cluster/internal/lock"
	"github.com/topas-dev/topas/hack/cluster/internal/netns"
	"github.com/topas-dev/topas/hack/cluster/internal/node"
	"github.com/topas-dev/topas/hack/cluster/internal/paths"
	"github.com/topas-dev/topas/hack/cluster/internal/process"
	"github.com/topas-dev/topas/hack/cluster/internal/progress"
)

// forwarder is the component that leads from the host to the API server.
const forwarder = "forwarder"

// Cluster is the local cluster of this machine, whether it runs or not.
type Cluster struct {
	paths     paths.Paths
	printer   *progress.Printer
	ensure    func(context.Context) (binaries.Set, error)
	daemons   process.Daemons
	namespace netns.Namespace
	group     cgroup.Group
}

// New returns the local cluster. ensure provides the Kubernetes binaries when
// they are needed.
func New(p paths.Paths, printer *progress.Printer, ensure func(context.Context) (binaries.Set, error)) *Cluster {
	return &Cluster{
		paths: p, printer: printer, ensure: ensure,
		daemons:   daemonsIn(p.State),
		namespace: netns.Namespace{Name: node.Name},
		group:     cgroup.Group{Name: node.Name},
	}
}

func daemonsIn(state string) process.Daemons {
	own := paths.Paths{State: state}
	return process.Daemons{Records: own.In("run"), Logs: own.In("logs")}
}

// Kubeconfig is the file for clients on this machine.
func (c *Cluster) Kubeconfig() (string, error) { return c.paths.Kubeconfig(), nil }

func (c *Cluster) lock(ctx context.Context, mode lock.Mode, purpose string) (*lock.Held, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("the local cluster needs root, for network namespaces, mounts and cgroups")
	}
	return lock.Acquire(ctx, lockFile, mode, purpose, func(holder string) {
		c.printer.Step("waiting for another run on this cluster: %s", holder)
	})
}

// plan is all that is decided before anything is touched.
type plan struct {
	layout      node.Layout
	components  []node.Component
	files       map[string][]byte
	pause       []byte // program
	fingerprint string
}

func (c *Cluster) plan(set binaries.Set) (plan, error) {
	pause, err := image.ReadProgram(set.Path("pause"))
	if err != nil {
		return plan{}, err
	}
	layout := node.Layout{
		State: c.paths.State, Program: set.Path, CNIPlugins: debian.Plugins(), PauseImage: image.PauseReference(pause),
	}
	files, err := layout.Files()
	if err != nil {
		return plan{}, err
	}
	components := layout.Components()
	for i := range components {
		if components[i].Path, err = exec.LookPath(components[i].Path); err != nil {
			return plan{}, fmt.Errorf("finding the program of %s: %w", components[i].Name, err)
		}
	}
	fingerprint, err := fingerprint(components, files)
	if err != nil {
		return plan{}, err
	}
	return plan{layout: layout, components: components, files: files, pause: pause, fingerprint: fingerprint}, nil
}

// The paths of programs hold the key of the binaries, so this covers them too.
func fingerprint(components []node.Component, files map[string][]byte) (string, error) {
	text, err := json.Marshal(map[string]any{
		"components": components, "files": files, "users": node.Users(), "device": node.DeviceAddress,
	})
	if err != nil {
		return "", fmt.Errorf("fingerprinting the settings: %w", err)
	}
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:8]), nil
}

func (c *Cluster) containerd() containerd.Client {
	return containerd.Client{Socket: node.Layout{State: c.paths.State}.Socket()}
}
