/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package queue

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// model is a queue that looks at every run at every step. It shares nothing with the one under test.
type model struct {
	limits  Limits
	waiting []Run
	holding []Run
	// shown are the positions that somebody has asked for, by UID.
	shown     map[types.UID]int
	revisited int
}

// goesBefore says it again, in other words than the queue.
func goesBefore(a, b Run) bool {
	key := func(r Run) string {
		return fmt.Sprintf("%06d %020d %s %s %s", 100_000-int(r.Priority), r.Created.Unix(), r.Name, r.Namespace, r.UID)
	}
	return key(a) < key(b)
}

func (m *model) inNamespace(name string) int {
	number := 0
	for _, run := range m.holding {
		if run.Namespace == name {
			number++
		}
	}
	return number
}

func sameApp(a, b Run) bool {
	return a.UID != b.UID && a.Namespace == b.Namespace && a.App == b.App && a.App != ""
}

// gated reports whether the run has to wait for its App.
func (m *model) gated(run Run) bool {
	for _, other := range m.holding {
		if (run.Exclusive || other.Exclusive) && sameApp(run, other) {
			return true
		}
	}
	for _, other := range m.waiting {
		if other.Exclusive && sameApp(run, other) && m.before(other, run) {
			return true
		}
	}
	return false
}

func (m *model) mayStart(run Run) bool {
	full := m.limits.PerNamespace > 0 && m.inNamespace(run.Namespace) >= m.limits.PerNamespace
	return !full && !m.gated(run)
}

// grant admits runs one by one, and each time looks for the best of all.
func (m *model) grant() []Run {
	var granted []Run
	for len(m.holding) < m.limits.Total {
		best := -1
		for i, run := range m.waiting {
			if (best < 0 || m.before(run, m.waiting[best])) && m.mayStart(run) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		granted = append(granted, m.waiting[best])
		m.holding = append(m.holding, m.waiting[best])
		m.waiting = slices.Delete(m.waiting, best, best+1)
	}
	return granted
}

// before is the order without the cost of goesBefore, which only decides where it has to.
func (m *model) before(a, b Run) bool {
	switch {
	case a.Priority != b.Priority:
		return a.Priority > b.Priority
	case !a.Created.Equal(b.Created):
		return a.Created.Before(b.Created)
	}
	return goesBefore(a, b)
}

// named returns the runs of that name in the order of their UIDs, without their positions.
func (m *model) named(name types.NamespacedName) []Run {
	var runs []Run
	for _, some := range [][]Run{m.waiting, m.holding} {
		for i := range some {
			if some[i].NamespacedName == name {
				runs = append(runs, some[i])
			}
		}
	}
	return plain(runs)
}

func plain(runs []Run) []Run {
	for i := range runs {
		runs[i].Position = 0
	}
	slices.SortFunc(runs, func(a, b Run) int { return cmp.Compare(a.UID, b.UID) })
	return runs
}

func (m *model) place(run Run) int {
	place := 1
	for _, other := range m.waiting {
		if m.before(other, run) {
			place++
		}
	}
	return place
}

func (m *model) remove(uid types.UID) {
	is := func(run Run) bool { return run.UID == uid }
	m.waiting, m.holding = slices.DeleteFunc(m.waiting, is), slices.DeleteFunc(m.holding, is)
}

func (m *model) position(run Run) int {
	if m.shown[run.UID] == 0 {
		m.shown[run.UID] = m.place(run)
	}
	return m.shown[run.UID]
}

func (m *model) revisit(number int) []string {
	sorted := slices.Clone(m.waiting)
	slices.SortFunc(sorted, func(a, b Run) int {
		if m.before(a, b) {
			return -1
		}
		return 1
	})
	var places []int
	for i := range min(number, len(sorted)) {
		places = append(places, i)
	}
	for range max(0, min(number, len(sorted)-number)) {
		if m.revisited < number || m.revisited >= len(sorted) {
			m.revisited = number
		}
		places = append(places, m.revisited)
		m.revisited++
	}
	var moved []string
	for _, i := range places {
		if shown := m.shown[sorted[i].UID]; shown != 0 && shown != i+1 {
			m.shown[sorted[i].UID] = i + 1
			moved = append(moved, fmt.Sprint(sorted[i].UID, " ", i+1))
		}
	}
	return moved
}
