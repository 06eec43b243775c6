/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// mostLives ends a test in which every new manager finds something to write.
const mostLives = 100

// TestManagerIsKilledAtEveryWrite kills every manager when it has carried out one write, so that a rollout takes as many
// managers as it has writes. That asks more than one kill at the n-th write of a rollout, for each n: here, too, a
// new manager has to go on from every state in between, but none of them brings the rollout to its end from what it
// remembers, and whatever they do wrong adds up.
func TestManagerIsKilledAtEveryWrite(t *testing.T) {
	t.Parallel()
	installed, upgraded := undisturbed(t)
	for _, tc := range []struct {
		reason string
		fault  fault
		// meanwhile lets the cluster go on while no manager is there. If not, it waits until the manager has written all that
		// there is to write, be it only a status.
		meanwhile bool
	}{
		{"before the write, and the cluster goes on", fault{at: 2}, true},
		{"after the write, and the cluster stands still", fault{at: 1, carriedOut: true}, false},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, rollout := range []struct {
				name  string
				begin func()
				want  outcome
				least int
			}{
				{"installation", w.install, installed, installed.changes()},
				{"upgrade", w.upgrade, upgraded, upgraded.changes() - installed.changes()},
			} {
				rollout.begin()
				kills := w.converge(tc.fault, tc.meanwhile)
				if kills < rollout.least {
					t.Errorf("%s: %d managers were killed, want %d or more: one for each change", rollout.name, kills, rollout.least)
				}
				if diff := cmp.Diff(rollout.want, w.outcome()); diff != "" {
					t.Errorf("%s with %d kills (-undisturbed +killed):\n%s", rollout.name, kills, diff)
				}
				t.Logf("%s: killed %d times", rollout.name, kills)
			}
		})
	}
}

// onceEach is all that happens to the objects of the App in an installation and an upgrade.
var onceEach = map[string][]string{
	"Secret shop-db":           {"ADDED"},
	"Service shop-db":          {"ADDED"},
	"Deployment shop-db":       {"ADDED"},
	"Pod shop-db-1":            {"ADDED"},
	"ConfigMap shop-db-init-1": {"ADDED", "DELETED"},
	"Job shop-db-init-1":       {"ADDED", "DELETED"},
	"ConfigMap shop-db-init-2": {"ADDED"},
	"Job shop-db-init-2":       {"ADDED"},
	"Service shop-web":         {"ADDED"},
	"Deployment shop-web":      {"ADDED", "MODIFIED"},
	"Pod shop-web-1":           {"ADDED", "DELETED"},
	"Pod shop-web-2":           {"ADDED"},
	"Service shop-api":         {"ADDED", "DELETED"},
	"Deployment shop-api":      {"ADDED", "DELETED"},
	"Pod shop-api-1":           {"ADDED", "DELETED"},
	"Service shop-cart":        {"ADDED"},
	"Deployment shop-cart":     {"ADDED"},
	"Pod shop-cart-1":          {"ADDED"},
}

// undisturbed is what comes of an installation and an upgrade when no manager is killed before it has done all.
func undisturbed(t *testing.T) (installed, upgraded outcome) {
	t.Helper()
	w := newWorld(t)
	w.install()
	w.converge(fault{}, false)
	installed = w.outcome()
	w.upgrade()
	w.converge(fault{}, false)
	upgraded = w.outcome()
	if diff := cmp.Diff(onceEach, upgraded.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	return installed, upgraded
}

// converge starts one manager after the other until one finds nothing to do, and returns how many were killed before.
func (w *world) converge(f fault, meanwhile bool) (kills int) {
	w.t.Helper()
	for kills := range mostLives {
		p := w.start(f)
		settled := w.drive(p)
		p.kill()
		if settled && p.writes.Load() == 0 {
			return kills
		}
		for meanwhile && w.step() {
		}
	}
	w.t.Fatalf("manager %d still found something to write: %v", mostLives, w.app().Status)
	return mostLives
}

// changes is how many changes managers have made to the objects of the App.
func (o outcome) changes() int {
	n := 0
	for name, changes := range o.Changes {
		if !strings.HasPrefix(name, "Pod ") {
			n += len(changes)
		}
	}
	return n
}
