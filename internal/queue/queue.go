/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package queue decides which pending run goes next. It gives out a fixed number of slots, those of a higher priority and
// then the older ones first, lets a run have its App for itself, and knows nothing of how a run is carried out.
package queue

import (
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Run is what the queue needs to know of a TestRun. Two runs may have the same name, one after the other; never the same UID.
type Run struct {
	types.NamespacedName
	UID      types.UID
	Created  time.Time
	Priority int32
	// App is the name of the App in the run's namespace that the run shares with others. Empty if it shares none: then no
	// App gates it.
	App string
	// Exclusive is a run that has its App for itself while it has a slot.
	Exclusive bool
	// Attempt is the attempt of the run that is under way, from 1. The queue only remembers it.
	Attempt int
	// Position is the place in the queue that was last shown for it; 0 when there was none.
	Position int
}

// alone reports whether no other run on its App may have a slot beside it.
func (r Run) alone() bool { return r.Exclusive && r.App != "" }

// Limits say how many runs may have a slot at once.
type Limits struct {
	// Total is for all namespaces together, PerNamespace for any one of them; 0 means that Total alone counts.
	Total, PerNamespace int
}

// Queue holds the runs that wait and the runs that have a slot. A run stays in it until it is removed. All methods may
// be called concurrently, and none takes time in proportion to the number of runs, except Restore: what it takes is the
// logarithm of it.
type Queue struct {
	mu      sync.Mutex
	limits  Limits
	before  func(a, b Run) bool
	entries map[types.UID]*entry
	names   map[types.NamespacedName]map[types.UID]*entry
	lanes   map[string]*lane
	// waiting are all runs that wait. Next are the first ones of the namespaces that are below their limit, of those that
	// don't wait for their App.
	waiting, next tree
	active        int
	restored      bool
	// revisited is the place up to which Revisit has come.
	revisited int
}

type entry struct {
	run   Run
	group *group
	waits bool
}

// New returns an empty queue.
func New(limits Limits) *Queue {
	return newQueue(limits, before)
}

func newQueue(limits Limits, before func(a, b Run) bool) *Queue {
	return &Queue{
		limits:  limits,
		before:  before,
		entries: map[types.UID]*entry{},
		names:   map[types.NamespacedName]map[types.UID]*entry{},
		lanes:   map[string]*lane{},
		waiting: tree{before: before},
		next:    tree{before: before},
	}
}

// Restore fills an empty queue with the runs that hold a slot already and those that wait, and returns the waiting runs
// that were given a slot. Nobody is given one before all are known, so the order is kept.
func (q *Queue) Restore(holding, waiting []Run) []Run {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, run := range holding {
		q.hold(run)
	}
	for _, run := range waiting {
		q.wait(run)
	}
	q.restored = true
	return q.grant()
}

// Add lets a run wait for a slot, unless the queue knows it already. It returns the runs that were given a slot, which
// may be this one.
func (q *Queue) Add(run Run) []Run {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wait(run)
	return q.grant()
}

// Hold gives a run its slot at once, above the limits and beside whoever has its App: it is carried out already, whatever
// the queue thinks of it. It brings a run that is known to its attempt; attempts only count up.
func (q *Queue) Hold(run Run) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.hold(run)
}

// Remove takes a run out, be it waiting or not, and returns the runs that were given a slot because of it.
func (q *Queue) Remove(uid types.UID) []Run {
	q.mu.Lock()
	defer q.mu.Unlock()
	e, known := q.entries[uid]
	if !known {
		return nil
	}
	q.leave(e)
	q.settle(e)
	delete(q.entries, uid)
	delete(q.names[e.run.NamespacedName], uid)
	if len(q.names[e.run.NamespacedName]) == 0 {
		delete(q.names, e.run.NamespacedName)
	}
	return q.grant()
}

// Admitted reports whether the run has a slot.
func (q *Queue) Admitted(uid types.UID) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	e, known := q.entries[uid]
	return known && !e.waits
}

// Position returns the place in the queue to show for a run that waits, 1 for the next one; 0 for any other run. It is
// right when it is first asked for, and stays until Revisit puts it right again: each run that goes moves all those behind
// it, and showing that at once would cost as much as there are.
func (q *Queue) Position(uid types.UID) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	e, known := q.entries[uid]
	if !known || !e.waits {
		return 0
	}
	if e.run.Position == 0 {
		e.run.Position = q.waiting.rank(e) + 1
	}
	return e.run.Position
}

// Revisit puts the positions of that many of the first runs right, and those of as many others, which are other ones each
// time until all have had their turn. It returns the runs whose position is another one than before.
func (q *Queue) Revisit(number int) []Run {
	q.mu.Lock()
	defer q.mu.Unlock()
	var moved []Run
	visit := func(place int) {
		e := q.waiting.at(place)
		if e.run.Position != 0 && e.run.Position != place+1 {
			e.run.Position = place + 1
			moved = append(moved, e.run)
		}
	}
	for place := range min(number, q.waiting.len()) {
		visit(place)
	}
	for range min(number, q.waiting.len()-number) {
		if q.revisited < number || q.revisited >= q.waiting.len() {
			q.revisited = number
		}
		visit(q.revisited)
		q.revisited++
	}
	return moved
}

// Knows reports whether the run is in the queue, waiting or with a slot.
func (q *Queue) Knows(uid types.UID) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, known := q.entries[uid]
	return known
}

// Named returns the runs of that name in the queue. There are several after a run was deleted and made anew, until
// nothing is left of the first.
func (q *Queue) Named(name types.NamespacedName) []Run {
	q.mu.Lock()
	defer q.mu.Unlock()
	runs := make([]Run, 0, len(q.names[name]))
	for _, e := range q.names[name] {
		runs = append(runs, e.run)
	}
	return runs
}

// Restored reports whether the queue knows of the runs that were there before it.
func (q *Queue) Restored() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.restored
}

// Depth is the number of runs that wait.
func (q *Queue) Depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting.len()
}

// Active is the number of runs that have a slot.
func (q *Queue) Active() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.active
}

// Limits are those that the queue was made with.
func (q *Queue) Limits() Limits { return q.limits }

func (q *Queue) wait(run Run) {
	if _, known := q.entries[run.UID]; known {
		return
	}
	e := q.enter(run)
	e.waits = true
	q.waiting.insert(e)
	e.group.waiting.insert(e)
	q.settle(e)
}

func (q *Queue) hold(run Run) {
	e, known := q.entries[run.UID]
	if known {
		e.run.Attempt = max(e.run.Attempt, run.Attempt)
		q.leave(e)
	} else {
		e = q.enter(run)
	}
	q.active++
	e.group.count(e.run, 1)
	q.settle(e)
}

func (q *Queue) grant() []Run {
	var granted []Run
	for q.active < q.limits.Total && q.next.len() > 0 {
		run := q.next.first().run
		q.hold(run)
		granted = append(granted, run)
	}
	return granted
}

func (q *Queue) enter(run Run) *entry {
	e := &entry{run: run, group: q.groupOf(run)}
	q.entries[run.UID] = e
	if q.names[run.NamespacedName] == nil {
		q.names[run.NamespacedName] = map[types.UID]*entry{}
	}
	q.names[run.NamespacedName][run.UID] = e
	return e
}

// leave takes the entry from those that wait, or its slot from it.
func (q *Queue) leave(e *entry) {
	if !e.waits {
		q.active--
		e.group.count(e.run, -1)
		return
	}
	e.waits = false
	q.waiting.remove(e)
	e.group.waiting.remove(e)
}

// before orders by priority and then by creation. The API server keeps whole seconds, so names decide among runs made at
// once, and the UID among those that have the same name as well.
func before(a, b Run) bool {
	if a.Priority != b.Priority {
		return a.Priority > b.Priority
	}
	if !a.Created.Equal(b.Created) {
		return a.Created.Before(b.Created)
	}
	for _, c := range []int{strings.Compare(a.Name, b.Name), strings.Compare(a.Namespace, b.Namespace)} {
		if c != 0 {
			return c < 0
		}
	}
	return a.UID < b.UID
}
