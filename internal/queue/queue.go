/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package queue decides which pending run goes next. It gives out a fixed number of slots in the order in which the
// runs were created, and knows nothing of how a run is carried out.
package queue

import (
	"container/heap"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Run is what the queue needs to know of a TestRun. Two runs may have the same name, one after the other; never the same UID.
type Run struct {
	types.NamespacedName
	UID     types.UID
	Created time.Time
}

// Queue holds the runs that wait and the runs that have a slot. A run stays in it until it is removed. All methods may
// be called concurrently, and none takes time in proportion to the number of runs, except Restore.
type Queue struct {
	mu      sync.Mutex
	limit   int
	waiting waiting
	entries map[types.UID]*entry
	names   map[types.NamespacedName]map[types.UID]Run
	active  int
}

// New returns an empty queue with the given number of slots.
func New(limit int) *Queue {
	return &Queue{
		limit:   limit,
		entries: map[types.UID]*entry{},
		names:   map[types.NamespacedName]map[types.UID]Run{},
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

// Hold gives a run its slot at once, also above the limit: it is carried out already, whatever the queue thinks of it.
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
	return known && !e.waits()
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
	for _, run := range q.names[name] {
		runs = append(runs, run)
	}
	return runs
}

// Depth is the number of runs that wait.
func (q *Queue) Depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// Active is the number of runs that have a slot.
func (q *Queue) Active() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.active
}

// Limit is the number of slots.
func (q *Queue) Limit() int { return q.limit }

func (q *Queue) wait(run Run) {
	if _, known := q.entries[run.UID]; known {
		return
	}
	heap.Push(&q.waiting, q.enter(run))
}

func (q *Queue) hold(run Run) {
	e, known := q.entries[run.UID]
	if known && !e.waits() {
		return
	}
	if known {
		heap.Remove(&q.waiting, e.index)
	} else {
		e = q.enter(run)
	}
	e.index = holdsSlot
	q.active++
}

func (q *Queue) grant() []Run {
	var granted []Run
	for q.active < q.limit && len(q.waiting) > 0 {
		e := heap.Pop(&q.waiting).(*entry)
		e.index = holdsSlot
		q.active++
		granted = append(granted, e.run)
	}
	return granted
}

func (q *Queue) enter(run Run) *entry {
	e := &entry{run: run}
	q.entries[run.UID] = e
	if q.names[run.NamespacedName] == nil {
		q.names[run.NamespacedName] = map[types.UID]Run{}
	}
	q.names[run.NamespacedName][run.UID] = run
	return e
}

func (q *Queue) leave(e *entry) {
	if e.waits() {
		heap.Remove(&q.waiting, e.index)
		return
	}
	q.active--
}

// holdsSlot is the index of an entry that is not in the heap.
const holdsSlot = -1

type entry struct {
	run   Run
	index int
}

func (e *entry) waits() bool { return e.index != holdsSlot }

// waiting is a heap with the run that goes next on top.
type waiting []*entry

func (w waiting) Len() int { return len(w) }

func (w waiting) Less(i, j int) bool { return before(w[i].run, w[j].run) }

func (w waiting) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].index, w[j].index = i, j
}

// Push is for package heap.
func (w *waiting) Push(x any) {
	e := x.(*entry)
	e.index = len(*w)
	*w = append(*w, e)
}

// Pop is for package heap.
func (w *waiting) Pop() any {
	last := len(*w) - 1
	e := (*w)[last]
	(*w)[last] = nil
	*w = (*w)[:last]
	return e
}

// before orders by creation. The API server keeps whole seconds, so names decide among runs made at once, and the UID
// among those that have the same name as well.
func before(a, b Run) bool {
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
