/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/topas-dev/topas/hack/cluster/internal/debian"
	"github.com/topas-dev/topas/hack/cluster/internal/lock"
	"github.com/topas-dev/topas/hack/cluster/internal/mount"
	"github.com/topas-dev/topas/hack/cluster/internal/process"
)

const (
	freshTimeout  = 3 * time.Minute
	resumeTimeout = 45 * time.Second
)

// Up brings the cluster into working order from whatever state it is in, and
// returns once Pods can be run.
func (c *Cluster) Up(ctx context.Context) error {
	set, err := c.ensure(ctx)
	if err != nil {
		return err
	}
	held, err := c.lock(ctx, lock.Exclusive, "cluster up")
	if err != nil {
		return err
	}
	defer held.Release()
	if err := debian.Ensure(ctx, c.printer); err != nil {
		return err
	}
	planned, err := c.plan(set)
	if err != nil {
		return err
	}
	found, err := c.look(ctx)
	if err != nil {
		return err
	}
	what, reason := decide(found, c.paths.State, planned.fingerprint)
	if what == resume {
		err := c.repair(ctx, planned, *found.record)
		if err == nil || ctx.Err() != nil {
			return err
		}
		c.printer.Step("the cluster could not be repaired: %v", err)
		what, reason = rebuild, "repairing it failed"
	}
	if what == rebuild {
		c.printer.Step("removing the present cluster: %s", reason)
		if err := c.remove(); err != nil {
			return err
		}
	}
	return c.create(ctx, planned)
}

// look gathers what is there.
func (c *Cluster) look(ctx context.Context) (situation, error) {
	boot, err := process.BootID()
	if err != nil {
		return situation{}, err
	}
	found := situation{record: readRecord(), bootID: boot, now: time.Now()}
	if c.namespace.Complete(ctx, nodeDevice) {
		found.namespace = c.namespace.Inode()
	}
	if found.record != nil {
		return found, nil
	}
	found.leftovers, err = c.leftovers()
	return found, err
}

func (c *Cluster) leftovers() ([]string, error) {
	var left []string
	for _, path := range []string{c.namespace.Path(), c.paths.State} {
		if _, err := os.Lstat(path); err == nil {
			left = append(left, path)
		}
	}
	mounts, err := mount.Under(c.paths.State)
	if err != nil {
		return nil, err
	}
	pids, err := c.group.Processes()
	if err != nil {
		return nil, err
	}
	if len(mounts) > 0 {
		left = append(left, fmt.Sprintf("%d mounts", len(mounts)))
	}
	if len(pids) > 0 {
		left = append(left, fmt.Sprintf("%d processes", len(pids)))
	}
	return left, nil
}

func (c *Cluster) create(ctx context.Context, planned plan) error {
	ctx, cancel := context.WithTimeout(ctx, freshTimeout)
	defer cancel()
	started := time.Now()
	c.printer.Step("creating the cluster in %s", c.paths.State)
	made, err := c.prepare(ctx, planned)
	if err != nil {
		return err
	}
	if err := c.start(ctx, planned, made); err != nil {
		return err
	}
	c.printer.Step("the cluster is up after %s, kubeconfig %s", time.Since(started).Round(100*time.Millisecond), c.paths.Kubeconfig())
	return nil
}

// repair starts what is dead, and if that does not help, as when a component
// hangs, everything. Pods and images stay.
func (c *Cluster) repair(ctx context.Context, planned plan, found record) error {
	err := c.resume(ctx, planned, found)
	if err == nil || ctx.Err() != nil {
		return err
	}
	c.printer.Step("starting all components again: %v", err)
	if err := stopDaemons(c.daemons); err != nil {
		return err
	}
	// The port may have changed in the first attempt.
	if present := readRecord(); present != nil {
		found = *present
	}
	return c.resume(ctx, planned, found)
}

func (c *Cluster) resume(ctx context.Context, planned plan, found record) error {
	ctx, cancel := context.WithTimeout(ctx, resumeTimeout)
	defer cancel()
	if dead := c.dead(planned); len(dead) > 0 {
		c.printer.Step("the cluster is there, but these do not run: %s", strings.Join(dead, ", "))
	}
	if err := c.start(ctx, planned, found); err != nil {
		return err
	}
	c.printer.Step("the cluster is up, kubeconfig %s", c.paths.Kubeconfig())
	return nil
}

func (c *Cluster) dead(planned plan) []string {
	var names []string
	for _, component := range planned.components {
		if _, running := c.daemons.Find(component.Name); !running {
			names = append(names, component.Name)
		}
	}
	if _, running := c.daemons.Find(forwarder); !running {
		names = append(names, forwarder)
	}
	return names
}

// Kubelet and containerd need sockets with short paths.
const maxSocketPath = 107

func checkPaths(socket string) error {
	if len(socket) > maxSocketPath {
		return fmt.Errorf("the path of the socket %s is %d bytes long, the system allows %d: set XDG_STATE_HOME to a shorter folder",
			socket, len(socket), maxSocketPath)
	}
	if strings.ContainsAny(socket, " \"\\,:") {
		return errors.New("the state folder " + socket + " must not hold blanks, quotes, backslashes, commas or colons: set XDG_STATE_HOME to another folder")
	}
	return nil
}
