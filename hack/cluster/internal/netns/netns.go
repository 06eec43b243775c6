/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package netns makes and enters the network namespace that the node lives in.
package netns

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

const folder = "/run/netns"

// Namespace is a named network namespace, as `ip netns` keeps them.
type Namespace struct {
	Name string
}

// Path is the file that holds the namespace.
func (n Namespace) Path() string { return filepath.Join(folder, n.Name) }

// Inode identifies the namespace; 0 when there is none. A plain file at the
// path, as a reboot can leave one, is no namespace.
func (n Namespace) Inode() uint64 {
	var fsStat unix.Statfs_t
	if unix.Statfs(n.Path(), &fsStat) != nil || fsStat.Type != unix.NSFS_MAGIC {
		return 0
	}
	var stat unix.Stat_t
	if unix.Stat(n.Path(), &stat) != nil {
		return 0
	}
	return stat.Ino
}

// Create makes the namespace and gives it a node: an interface with an
// address and a default route that leads nowhere, since there is no uplink.
// address is in CIDR form. Repeating it does no harm.
func (n Namespace) Create(ctx context.Context, device, address string) error {
	if n.Inode() == 0 {
		if err := os.Remove(n.Path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing a stale file of the network namespace: %w", err)
		}
		if err := ip(ctx, "netns", "add", n.Name); err != nil {
			return err
		}
	}
	if !n.has(ctx, device) {
		// A bridge, since not every kernel has the dummy device.
		if err := n.ip(ctx, "link", "add", device, "type", "bridge"); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{"address", "replace", address, "dev", device},
		{"link", "set", "lo", "up"},
		{"link", "set", device, "up"},
		{"route", "replace", "default", "dev", device},
	} {
		if err := n.ip(ctx, args...); err != nil {
			return err
		}
	}
	return n.Do(func() error {
		return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644)
	})
}

// Complete tells whether the namespace is there with its device.
func (n Namespace) Complete(ctx context.Context, device string) bool {
	return n.Inode() != 0 && n.has(ctx, device)
}

func (n Namespace) has(ctx context.Context, device string) bool {
	return n.ip(ctx, "link", "show", "dev", device) == nil
}

// Delete removes the namespace, and the folder of namespaces with the mount
// that `ip netns add` put there, if nobody else uses it.
func (n Namespace) Delete() error {
	if err := unix.Unmount(n.Path(), unix.MNT_DETACH); err != nil && !isGone(err) {
		return fmt.Errorf("unmounting the network namespace %s: %w", n.Name, err)
	}
	if err := os.Remove(n.Path()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the network namespace %s: %w", n.Name, err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) > 0 {
		return nil
	}
	_ = unix.Unmount(folder, unix.MNT_DETACH)
	_ = os.Remove(folder)
	return nil
}

func isGone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL)
}

// Do runs f on a thread inside the namespace. Sockets opened and processes
// started by f, on its own goroutine, belong to the namespace.
func (n Namespace) Do(f func() error) error {
	result := make(chan error, 1)
	// The thread is never unlocked, so that it ends with the goroutine and no
	// other goroutine can find itself in the namespace.
	go func() {
		runtime.LockOSThread()
		result <- n.enter(f)
	}()
	return <-result
}

func (n Namespace) enter(f func() error) error {
	file, err := os.Open(n.Path())
	if err != nil {
		return fmt.Errorf("opening the network namespace: %w", err)
	}
	defer func() { _ = file.Close() }()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering the network namespace %s: %w", n.Name, err)
	}
	return f()
}

// DialContext connects from inside the namespace. address must hold an IP
// address: a name would be resolved on another thread, outside.
func (n Namespace) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var conn net.Conn
	err := n.Do(func() (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

func (n Namespace) ip(ctx context.Context, args ...string) error {
	return ip(ctx, append([]string{"-n", n.Name}, args...)...)
}

func ip(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
