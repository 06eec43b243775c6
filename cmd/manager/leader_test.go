/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestSecondManagerTakesOver kills the leader of two managers in the middle of an installation, and stops the next one
// before an upgrade.
func TestSecondManagerTakesOver(t *testing.T) {
	t.Parallel()
	installed, upgraded := undisturbed(t)
	w := newWorld(t)
	terms := w.watchLease()
	flags := []string{"--leader-elect", "--leader-election-namespace=" + w.namespace}

	first := w.start(fault{at: 5, carriedOut: true}, flags...)
	w.leads(first, "")
	leader := w.leader()
	second := w.standBy(flags)
	w.install()
	if w.drive(first) {
		t.Fatalf("the first manager has installed the App with %d writes, want it to be killed", first.writes.Load())
	}
	w.leads(second, leader)
	w.drive(second)
	if diff := cmp.Diff(installed, w.outcome()); diff != "" {
		t.Errorf("installation with two leaders (-one +two):\n%s", diff)
	}

	third := w.standBy(flags)
	leader = w.leader()
	second.signal(syscall.SIGTERM)
	w.upgrade()
	w.leads(third, leader)
	w.drive(third)
	if diff := cmp.Diff(upgraded, w.outcome()); diff != "" {
		t.Errorf("upgrade by another leader (-one +another):\n%s", diff)
	}
	<-second.ended
	if second.err != nil {
		t.Errorf("the stopped manager ended with: %v", second.err)
	}

	seen := terms.until(w.leader())
	if len(seen) != 4 || holder(seen[2]) != "" {
		t.Fatalf("terms of the lease are %v, want those of the killed, the second, no and the third manager", seen)
	}
	killed, successor, released, last := seen[0], seen[1], seen[2], seen[3]
	lease := time.Duration(*killed.LeaseDurationSeconds) * time.Second
	// A manager that stands by looks every few seconds, and the machine may be busy.
	if took := successor.AcquireTime.Sub(killed.RenewTime.Time); took < lease || took > 2*lease {
		t.Errorf("the second manager leads %s after the last sign of life of the killed one, want %s and little more", took, lease)
	}
	if took := last.AcquireTime.Sub(released.RenewTime.Time); took >= lease {
		t.Errorf("the third manager leads %s after the lease was released, want it at once", took)
	}
}

// standBy starts a manager beside a leader.
func (w *world) standBy(flags []string) *process {
	w.t.Helper()
	p := w.start(fault{}, flags...)
	eventually(w.t, "the manager has asked for the lease", func() (bool, any) { return p.leases.Load() > 0, nil })
	return p
}

// leads waits until the manager leads, before which it must not write, in place of this leader.
func (w *world) leads(p *process, before string) {
	w.t.Helper()
	eventually(w.t, "another manager leads", func() (bool, any) {
		writes, leader := p.writes.Load(), w.leader()
		leads := leader != "" && leader != before
		if !leads && writes > 0 {
			w.t.Fatalf("a manager that stands by has made %d writes", writes)
		}
		return leads, leader
	})
}

// leader is who holds the lease.
func (w *world) leader() string {
	w.t.Helper()
	lease := &coordinationv1.Lease{}
	err := w.server.Client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: leaseName}, lease)
	w.must(client.IgnoreNotFound(err))
	return holder(lease.Spec)
}

func holder(lease coordinationv1.LeaseSpec) string {
	if lease.HolderIdentity == nil {
		return ""
	}
	return *lease.HolderIdentity
}

// terms are the last states of the lease with each holder. Without a holder it is a term, too.
type terms struct {
	t     *testing.T
	mu    sync.Mutex
	specs []coordinationv1.LeaseSpec
}

// watchLease watches the lease to the end of the test.
func (w *world) watchLease() *terms {
	w.t.Helper()
	seen := &terms{t: w.t}
	w.watchEach(&coordinationv1.LeaseList{}, func(event watch.Event) error {
		lease, ok := event.Object.(*coordinationv1.Lease)
		if !ok {
			return fmt.Errorf("%s %v", event.Type, event.Object)
		}
		seen.add(lease.Spec)
		return nil
	})
	return seen
}

func (t *terms) add(lease coordinationv1.LeaseSpec) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.specs); n > 0 && holder(t.specs[n-1]) == holder(lease) {
		t.specs = t.specs[:n-1]
	}
	t.specs = append(t.specs, lease)
}

// until waits for the term of this holder.
func (t *terms) until(last string) (seen []coordinationv1.LeaseSpec) {
	t.t.Helper()
	eventually(t.t, "the watch has seen all terms", func() (bool, any) {
		t.mu.Lock()
		defer t.mu.Unlock()
		seen = slices.Clone(t.specs)
		return len(seen) > 0 && holder(seen[len(seen)-1]) == last, seen
	})
	return seen
}
