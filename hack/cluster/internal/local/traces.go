/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package local

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// removeTraces deletes what programs wrote to fixed places outside the given
// state folders. Folders go only if nobody else has put anything into them.
func removeTraces(states []string) {
	removeDeadSockets("/run/containerd/s")
	removeNetworkResults("/var/lib/cni/results", states)
	for _, name := range []string{"kubelet.sock", "kubelet_internal_checkpoint", "DEPRECATION"} {
		_ = os.Remove(filepath.Join("/var/lib/kubelet/device-plugins", name))
	}
	removeDanglingLinks("/var/log/containers")
	for _, folder := range []string{
		"/run/containerd/s", "/run/containerd", "/var/lib/cni/results", "/var/lib/cni/networks", "/var/lib/cni",
		"/var/lib/kubelet/device-plugins", "/var/lib/kubelet", "/var/log/containers",
	} {
		_ = os.Remove(folder)
	}
}

// The kubelet links each container's log into a folder that it does not let
// one choose. After the logs are gone, the links lead nowhere.
func removeDanglingLinks(folder string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, entry := range entries {
		link := filepath.Join(folder, entry.Name())
		if _, err := os.Stat(link); errors.Is(err, os.ErrNotExist) {
			_ = os.Remove(link)
		}
	}
}

// The sockets of containerd's shims lie in one folder for all containerds of a
// machine, with names that do not tell whose they are. One that refuses a
// connection has lost its shim, which killed shims do not clear away.
func removeDeadSockets(folder string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, entry := range entries {
		socket := filepath.Join(folder, entry.Name())
		conn, err := net.DialTimeout("unix", socket, time.Second)
		if err == nil {
			_ = conn.Close()
			continue
		}
		if errors.Is(err, unix.ECONNREFUSED) {
			_ = os.Remove(socket)
		}
	}
}

// removeNetworkResults deletes what the CNI library noted about our Pods. The
// names tell of containers only; the content tells of their namespaces, which
// lie in our state.
func removeNetworkResults(folder string, states []string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, entry := range entries {
		note := filepath.Join(folder, entry.Name())
		text, err := os.ReadFile(note)
		if err != nil {
			continue
		}
		ours := func(state string) bool { return bytes.Contains(text, []byte(state+"/")) }
		if slices.ContainsFunc(states, ours) {
			_ = os.Remove(note)
		}
	}
}
