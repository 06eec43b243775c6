/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package queue

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// at returns a run that was created so many seconds after the epoch.
func at(name string, second int, change ...func(*Run)) Run {
	run := Run{
		NamespacedName: types.NamespacedName{Namespace: "default", Name: name},
		UID:            types.UID("uid-" + name),
		Created:        epoch.Add(time.Duration(second) * time.Second),
	}
	for _, f := range change {
		f(&run)
	}
	return run
}

func in(namespace string) func(*Run) { return func(r *Run) { r.Namespace = namespace } }

func priority(p int32) func(*Run) { return func(r *Run) { r.Priority = p } }

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
		perNamespace     int
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
		{
			reason: "a higher priority goes first, and the oldest among those", limit: 1,
			waiting: []Run{at("low", 1, priority(-1)), at("old", 2), at("high", 9, priority(5)), at("higher", 4, priority(5))},
			remove:  []string{"higher", "high", "old"},
			want:    [][]string{{"higher"}, {"high"}, {"old"}, {"low"}},
		},
		{
			reason: "a namespace at its limit keeps no other waiting, and goes on where it stopped", limit: 3, perNamespace: 2,
			waiting: []Run{at("a", 1, in("x")), at("b", 2, in("x")), at("c", 3, in("x")), at("d", 4, in("y")), at("e", 5, in("x"))},
			remove:  []string{"d", "b", "a"},
			want:    [][]string{{"a", "b", "d"}, nil, {"c"}, {"e"}},
		},
		{
			reason: "what holds a slot already counts for its namespace", limit: 3, perNamespace: 1,
			holding: []Run{at("old", 1, in("x"))}, waiting: []Run{at("a", 2, in("x")), at("b", 3, in("y"))},
			remove: []string{"old"},
			want:   [][]string{{"b"}, {"a"}},
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			q := New(Limits{Total: tc.limit, PerNamespace: tc.perNamespace})
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
	q := New(Limits{Total: 1})
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
	q := New(Limits{Total: 1})
	q.Add(at("a", 1))
	q.Add(at("b", 2))
	q.Hold(at("b", 2))
	q.Hold(at("b", 2))
	if !q.Admitted("uid-b") || q.Active() != 2 || q.Depth() != 0 {
		t.Errorf("admitted %v, active %d, depth %d, want true, 2, 0", q.Admitted("uid-b"), q.Active(), q.Depth())
	}
}

func TestConcurrentUse(t *testing.T) {
	const limit, runs = 7, 400
	q := New(Limits{Total: limit})
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

func TestPositions(t *testing.T) {
	q := New(Limits{Total: 1})
	for i, name := range []string{"running", "a", "b", "c", "d", "e"} {
		q.Add(at(name, i))
	}
	expect := func(when string, want ...int) {
		t.Helper()
		var got []int
		for _, name := range []string{"running", "a", "b", "c", "d", "e"} {
			got = append(got, q.Position(types.UID("uid-"+name)))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("positions %s (-want +got):\n%s", when, diff)
		}
	}
	expect("in the beginning", 0, 1, 2, 3, 4, 5)
	q.Remove("uid-running")
	expect("before they are put right", 0, 0, 2, 3, 4, 5)
	// Each look puts the first one right, and another one.
	for _, want := range [][]string{{"b", "c"}, {"d"}, {"e"}, nil} {
		if diff := cmp.Diff(want, names(q.Revisit(1))); diff != "" {
			t.Errorf("moved (-want +got):\n%s", diff)
		}
	}
	expect("after they were put right", 0, 0, 1, 2, 3, 4)
	q.Add(at("urgent", 9, priority(1)))
	if got := q.Position("uid-urgent"); got != 1 {
		t.Errorf("an urgent run has position %d, want 1", got)
	}
}
