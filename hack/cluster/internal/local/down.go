/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package local

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/topas-dev/topas/hack/cluster/internal/lock"
	"github.com/topas-dev/topas/hack/cluster/internal/mount"
	"github.com/topas-dev/topas/hack/cluster/internal/node"
	"github.com/topas-dev/topas/hack/cluster/internal/process"
)

// gracefulEnd is for the two that would leave half-done work with the kernel.
const gracefulEnd = 2 * time.Second

// Down takes the cluster away with everything that belongs to it. It works for
// any checkout's cluster, whole or in pieces, and can be repeated.
func (c *Cluster) Down(ctx context.Context) error {
	held, err := c.lock(ctx, lock.Exclusive, "cluster down")
	if err != nil {
		return err
	}
	left, err := c.leftovers()
	if err != nil {
		held.Release()
		return err
	}
	if readRecord() == nil && len(left) == 0 {
		c.printer.Step("there is no cluster")
	} else {
		c.printer.Step("removing the cluster")
	}
	// Also without a sign of a cluster, for what lies outside its folders.
	if err := c.remove(); err != nil {
		held.Release()
		return err
	}
	held.Remove()
	_ = os.Remove(runFolder)
	return nil
}

// remove takes away everything except for the lock.
func (c *Cluster) remove() error {
	found := readRecord()
	folders := states(found, c.paths.State)
	for _, folder := range folders {
		if err := c.stop(daemonsIn(folder)); err != nil {
			return err
		}
	}
	if err := c.killStrays(found); err != nil {
		return err
	}
	for _, folder := range folders {
		count, err := mount.DetachAll(folder)
		if err != nil {
			return err
		}
		if count > 0 {
			c.printer.Step("unmounted %d mounts", count)
		}
	}
	if err := c.group.Remove(); err != nil {
		return err
	}
	if err := c.namespace.Delete(); err != nil {
		return err
	}
	for _, folder := range folders {
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("removing the state of the cluster: %w", err)
		}
		_ = os.Remove(filepath.Dir(folder)) // topas/, if nothing else is in it
	}
	removeTraces(folders)
	return removeRecord()
}

// stop ends Pods and daemons. The kubelet goes first, or it would start Pods anew.
func (c *Cluster) stop(daemons process.Daemons) error {
	if err := daemons.Stop(node.Kubelet, gracefulEnd); err != nil {
		return err
	}
	if err := c.killPods(); err != nil {
		return err
	}
	return stopDaemons(daemons)
}

// stopDaemons ends the daemons and leaves Pods running. The API server goes
// before etcd, without which it would hang.
func stopDaemons(daemons process.Daemons) error {
	for _, name := range []string{node.Kubelet, node.Containerd} {
		if err := daemons.Stop(name, gracefulEnd); err != nil {
			return err
		}
	}
	for _, name := range []string{
		node.CoreDNS, node.Proxy, node.Scheduler, node.ControllerManager, node.APIServerName, node.Etcd, forwarder,
	} {
		if err := daemons.Stop(name, 0); err != nil {
			return err
		}
	}
	return nil
}

// killPods kills whatever is in the cgroup, again until nothing new appears.
func (c *Cluster) killPods() error {
	for {
		pids, err := c.group.Processes()
		if err != nil {
			return err
		}
		var found []process.Identity
		for _, pid := range pids {
			// Kernel threads and processes that just ended have no identity.
			if identity, err := process.Identify(pid); err == nil {
				found = append(found, identity)
			}
		}
		if len(found) == 0 {
			return nil
		}
		c.printer.Step("killing %d processes of Pods", len(found))
		if err := process.Terminate(0, found...); err != nil {
			return fmt.Errorf("killing the processes of Pods: %w", err)
		}
	}
}

// killStrays kills what has no record: shims, and daemons of a cluster whose
// records were lost. All of them live in the network namespace, even if its
// name was deleted.
func (c *Cluster) killStrays(found *record) error {
	inodes := []uint64{c.namespace.Inode()}
	if boot, err := process.BootID(); err == nil && found != nil && found.BootID == boot {
		inodes = append(inodes, found.Namespace)
	}
	inodes = slices.DeleteFunc(inodes, func(inode uint64) bool { return inode == 0 })
	strays, err := process.InNetworkNamespace(inodes...)
	if err != nil {
		return err
	}
	if len(strays) > 0 {
		c.printer.Step("killing %d other processes of the node", len(strays))
	}
	if err := process.Terminate(0, strays...); err != nil {
		return fmt.Errorf("killing the processes of the node: %w", err)
	}
	return c.killPods()
}
