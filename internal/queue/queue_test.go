/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package queue

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// at returns a run that was created so many seconds after the epoch.
func at(name string, second int) Run {
	return Run{
		NamespacedName: types.NamespacedName{Namespace: "default", Name: name},
		UID:            types.UID("uid-" + name),
		Created:        epoch.Add(time.Duration(second) * time.Second),
	}
}

func names(runs []Run) []string {
	var names []string
	for _, run := range runs {
		names = append(names, run.Name)
	}
	return names
}

func TestOrder(t *testing.T) {
	for _, tc := range []struct {
		reason           string
		limit            int
		holding, waiting []Run
		// remove are taken out one after the other.
		remove []string
		// want are the runs that get a slot at the beginning and with each removal.
		want [][]string
	}{
		{
			reason: "the oldest go first, whatever order they are known in", limit: 2,
			waiting: []Run{at("c", 3), at("a", 1), at("b", 2)},
			remove:  []string{"b"},
			want:    [][]string{{"a", "b"}, {"c"}},
		},
		{
			reason: "names decide within a second", limit: 1,
			waiting: []Run{at("b", 1), at("c", 1), at("a", 1)},
			remove:  []string{"a", "b"},
			want:    [][]string{{"a"}, {"b"}, {"c"}},
		},
		{
			reason: "those that hold a slot already count", limit: 2,
			holding: []Run{at("old", 9)}, waiting: []Run{at("a", 1), at("b", 2)},
			remove: []string{"old"},
			want:   [][]string{{"a"}, {"b"}},
		},
		{
			reason: "nobody is admitted while more hold a slot than there are, as after the limit was lowered", limit: 1,
			holding: []Run{at("x", 1), at("y", 2)}, waiting: []Run{at("a", 3)},
			remove: []string{"x", "y"},
			want:   [][]string{nil, nil, {"a"}},
		},
		{
			reason: "a waiting run that goes away frees nothing", limit: 1,
			waiting: []Run{at("a", 1), at("b", 2), at("c", 3)},
			remove:  []string{"b", "unknown", "a"},
			want:    [][]string{{"a"}, nil, nil, {"c"}},
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			q := New(tc.limit)
			got := [][]string{names(q.Restore(tc.holding, tc.waiting))}
			for _, name := range tc.remove {
				got = append(got, names(q.Remove(types.UID("uid-"+name))))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("admitted (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRunsOfOneName(t *testing.T) {
	q := New(1)
	first, second := at("same", 1), at("same", 2)
	second.UID = "uid-second"
	q.Add(first)
	if got := q.Add(second); got != nil {
		t.Errorf("the second run of the name was admitted: %v", got)
	}
	if got := len(q.Named(first.NamespacedName)); got != 2 {
		t.Errorf("%d runs of the name are known, want 2", got)
	}
	if got := q.Remove(first.UID); len(got) != 1 || got[0].UID != second.UID {
		t.Errorf("admitted %v, want the second", got)
	}
	if diff := cmp.Diff([]Run{second}, q.Named(first.NamespacedName)); diff != "" {
		t.Errorf("runs of the name (-want +got):\n%s", diff)
	}
	q.Remove(second.UID)
	if q.Knows(second.UID) || len(q.names) != 0 || len(q.entries) != 0 {
		t.Errorf("the empty queue still holds %v %v", q.names, q.entries)
	}
}

func TestWhatRunsAlreadyGetsItsSlotAboveTheLimit(t *testing.T) {
	q := New(1)
	q.Add(at("a", 1))
	q.Add(at("b", 2))
	q.Hold(at("b", 2))
	q.Hold(at("b", 2))
	if !q.Admitted("uid-b") || q.Active() != 2 || q.Depth() != 0 {
		t.Errorf("admitted %v, active %d, depth %d, want true, 2, 0", q.Admitted("uid-b"), q.Active(), q.Depth())
	}
}

// TestRandomEvents compares the queue with a model that sorts a list at every event.
func TestRandomEvents(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		limit := 1 + rng.IntN(5)
		q := New(limit)
		var waiting, active []Run
		for i := range 300 {
			var granted []Run
			switch {
			case rng.IntN(2) == 0:
				run := at(fmt.Sprintf("run-%03d", i), rng.IntN(20))
				granted = q.Add(run)
				waiting = append(waiting, run)
			case len(active) > 0 && rng.IntN(3) > 0:
				at := rng.IntN(len(active))
				granted = q.Remove(active[at].UID)
				active = slices.Delete(active, at, at+1)
			case len(waiting) > 0:
				at := rng.IntN(len(waiting))
				granted = q.Remove(waiting[at].UID)
				waiting = slices.Delete(waiting, at, at+1)
			}
			slices.SortFunc(waiting, func(a, b Run) int {
				if before(a, b) {
					return -1
				}
				return 1
			})
			free := min(limit-len(active), len(waiting))
			want := waiting[:free]
			if diff := cmp.Diff(names(want), names(granted)); diff != "" {
				t.Fatalf("seed %d, event %d: admitted (-want +got):\n%s", seed, i, diff)
			}
			active = append(active, want...)
			waiting = slices.Clone(waiting[free:])
			if q.Active() != len(active) || q.Depth() != len(waiting) || q.Active() > limit {
				t.Fatalf("seed %d, event %d: active %d of %d, depth %d; want %d and %d", seed, i, q.Active(), limit, q.Depth(), len(active), len(waiting))
			}
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	const limit, runs = 7, 400
	q := New(limit)
	admitted := make(chan Run, runs)
	send := func(granted []Run) {
		for _, run := range granted {
			admitted <- run
		}
	}
	var workers sync.WaitGroup
	for i := range runs {
		workers.Go(func() { send(q.Add(at(fmt.Sprintf("run-%03d", i), i))) })
	}
	var ended sync.WaitGroup
	ended.Add(runs)
	for range 2 * limit {
		workers.Go(func() {
			for run := range admitted {
				if active := q.Active(); active > limit {
					t.Errorf("%d runs hold a slot, limit is %d", active, limit)
				}
				send(q.Remove(run.UID))
				ended.Done()
			}
		})
	}
	ended.Wait()
	close(admitted)
	workers.Wait()
	if q.Active() != 0 || q.Depth() != 0 {
		t.Errorf("active %d, depth %d, want none", q.Active(), q.Depth())
	}
}

func BenchmarkAddAndRemove(b *testing.B) {
	for _, waiting := range []int{100, 100_000} {
		b.Run(fmt.Sprintf("%d waiting", waiting), func(b *testing.B) {
			q := New(1)
			for i := range waiting {
				q.Add(at(fmt.Sprint("run-", i), i))
			}
			run := at("extra", waiting/2)
			for b.Loop() {
				q.Add(run)
				q.Remove(run.UID)
			}
		})
	}
}
