/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// InNetworkNamespace lists the processes whose network namespace has one of
// the given inodes. It never answers for the namespace that we or the init
// process run in, whatever a stale record may say.
func InNetworkNamespace(inodes ...uint64) ([]Identity, error) {
	wanted := map[string]bool{}
	for _, inode := range inodes {
		wanted[fmt.Sprintf("net:[%d]", inode)] = true
	}
	for _, pid := range []string{"self", "1"} {
		delete(wanted, networkNamespace(pid))
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	return matching(func(pid string) bool { return wanted[networkNamespace(pid)] })
}

func networkNamespace(pid string) string {
	link, _ := os.Readlink(filepath.Join("/proc", pid, "ns", "net"))
	return link
}

func matching(wanted func(pid string) bool) ([]Identity, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var found []Identity
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || !wanted(entry.Name()) {
			continue
		}
		if identity, err := Identify(pid); err == nil {
			found = append(found, identity)
		}
	}
	return found, nil
}
