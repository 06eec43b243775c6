/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package local

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDecide(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	healthy := func(change func(*situation)) situation {
		found := situation{
			record: &record{
				State: "/s/topas/cluster", BootID: "boot", Namespace: 7, Fingerprint: "print", Expiry: now.Add(48 * time.Hour),
			},
			bootID: "boot", namespace: 7, now: now,
		}
		change(&found)
		return found
	}
	tests := map[string]struct {
		reason string
		found  situation
		want   action
		says   string
	}{
		"Fresh":     {"a machine without a cluster", situation{now: now}, create, "there is none"},
		"Leftovers": {"somebody deleted the record only", situation{leftovers: []string{"/run/netns/topas"}}, rebuild, "/run/netns/topas"},
		"Healthy":   {"starting what is dead is enough", healthy(func(*situation) {}), resume, ""},
		"Other":     {"there can be one cluster on a machine", healthy(func(s *situation) { s.record.State = "/x/topas/cluster" }), rebuild, "/x/topas/cluster"},
		"Rebooted":  {"mounts, namespace and processes are gone", healthy(func(s *situation) { s.bootID = "next" }), rebuild, "restarted"},
		"Changed":   {"a half-old cluster would be neither", healthy(func(s *situation) { s.record.Fingerprint = "old" }), rebuild, "other binaries or settings"},
		"NoNetns":   {"its processes sit in a namespace that nobody can enter", healthy(func(s *situation) { s.namespace = 0 }), rebuild, "namespace is gone"},
		"NewNetns":  {"the namespace was made anew by someone", healthy(func(s *situation) { s.namespace = 8 }), rebuild, "namespace is gone"},
		"Expiring":  {"it would fail in the middle of someone's work", healthy(func(s *situation) { s.now = now.Add(25 * time.Hour) }), rebuild, "certificates expire"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, says := decide(tc.found, "/s/topas/cluster", "print")
			if got != tc.want || !strings.Contains(says, tc.says) {
				t.Errorf("%s: got %d %q, want %d with %q", tc.reason, got, says, tc.want, tc.says)
			}
		})
	}
}

func TestStates(t *testing.T) {
	const own = "/home/a/.local/state/topas/cluster"
	tests := map[string]struct {
		reason string
		record *record
		want   []string
	}{
		"None":    {"only our own folder", nil, []string{own}},
		"Same":    {"no folder twice", &record{State: own}, []string{own}},
		"Other":   {"another user's cluster is cleared away too", &record{State: "/b/topas/cluster"}, []string{"/b/topas/cluster", own}},
		"Garbled": {"a wrong record must not delete anything", &record{State: "/etc"}, []string{own}},
		"Dots":    {"nor may it sneak out", &record{State: "/topas/cluster/.."}, []string{own}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, states(tc.record, own)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
