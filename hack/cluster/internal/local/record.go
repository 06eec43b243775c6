/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The record and the lock are the machine's, not the user's: network
// namespace and cgroup exist once, whatever XDG_STATE_HOME says.
const (
	runFolder  = "/run/topas-cluster"
	recordFile = runFolder + "/cluster.json"
	lockFile   = runFolder + "/lock"
)

// record is what a cluster leaves for later runs, possibly of other checkouts.
type record struct {
	State       string    `json:"state"` // folder
	BootID      string    `json:"bootID"`
	Namespace   uint64    `json:"namespace"`   // inode
	Fingerprint string    `json:"fingerprint"` // of binaries and settings
	Port        int       `json:"port"`        // of the forwarder, on 127.0.0.1
	Expiry      time.Time `json:"expiry"`      // of the certificates
}

// readRecord returns nil when there is none, or none that can be read.
func readRecord() *record {
	text, err := os.ReadFile(recordFile)
	if err != nil {
		return nil
	}
	var found record
	if json.Unmarshal(text, &found) != nil || found.State == "" {
		return nil
	}
	return &found
}

func (r record) write() error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the record of the cluster: %w", err)
	}
	if err := os.MkdirAll(runFolder, 0o755); err != nil {
		return fmt.Errorf("writing the record of the cluster: %w", err)
	}
	draft := recordFile + ".new"
	if err := os.WriteFile(draft, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing the record of the cluster: %w", err)
	}
	if err := os.Rename(draft, recordFile); err != nil {
		return fmt.Errorf("writing the record of the cluster: %w", err)
	}
	return nil
}

func removeRecord() error {
	if err := os.Remove(recordFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the record of the cluster: %w", err)
	}
	return nil
}

// situation is all that decides what `up` has to do.
type situation struct {
	record    *record
	leftovers []string // what exists although there is no record
	bootID    string
	namespace uint64 // inode; 0 when it is missing or has no node in it
	now       time.Time
}

type action int

const (
	create  action = iota // nothing is there
	resume                // start what does not run
	rebuild               // take away what is there, then create
)

// minimumLife is how long the certificates must still be good for.
const minimumLife = 24 * time.Hour

// decide compares what is there with what is wanted. The reason is for people.
func decide(found situation, state, fingerprint string) (action, string) {
	r := found.record
	switch {
	case r == nil && len(found.leftovers) == 0:
		return create, "there is none"
	case r == nil:
		return rebuild, "something was left behind: " + strings.Join(found.leftovers, ", ")
	case r.State != state:
		return rebuild, "it belongs to another state folder, " + r.State
	case r.BootID != found.bootID:
		return rebuild, "the machine was restarted since"
	case r.Fingerprint != fingerprint:
		return rebuild, "it was made with other binaries or settings"
	case found.namespace == 0 || r.Namespace != found.namespace:
		return rebuild, "its network namespace is gone"
	case r.Expiry.Sub(found.now) < minimumLife:
		return rebuild, "its certificates expire at " + r.Expiry.Format(time.RFC3339)
	default:
		return resume, ""
	}
}

// states lists the state folders that may hold something to clear away. A
// record is only trusted with a folder that is called what ours are called.
func states(r *record, own string) []string {
	folders := []string{own}
	if r != nil && filepath.IsAbs(r.State) && strings.HasSuffix(filepath.Clean(r.State), "/topas/cluster") {
		folders = append(folders, filepath.Clean(r.State))
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}
