/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package queue

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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

func (m *model) mayStart(run Run) bool {
	return m.limits.PerNamespace == 0 || m.inNamespace(run.Namespace) < m.limits.PerNamespace
}

// grant admits runs one by one, and each time looks for the best of all.
func (m *model) grant() []Run {
	var granted []Run
	for len(m.holding) < m.limits.Total {
		best := -1
		for i, run := range m.waiting {
			if m.mayStart(run) && (best < 0 || m.before(run, m.waiting[best])) {
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

// check plays random events on a queue and on its model.
type check struct {
	t     *testing.T
	rng   *rand.Rand
	queue *Queue
	model *model
	step  int
}

func (c *check) run() Run {
	return Run{
		NamespacedName: types.NamespacedName{
			Namespace: fmt.Sprintf("ns-%d", min(c.rng.IntN(6), c.rng.IntN(6))), // some are busier than others
			Name:      fmt.Sprintf("run-%d", c.rng.IntN(500)),
		},
		UID:      types.UID(fmt.Sprintf("uid-%d", c.step)),
		Created:  epoch.Add(time.Duration(c.step/20+c.rng.IntN(20)) * time.Second),
		Priority: int32(max(0, c.rng.IntN(12)-8) * (1 - 2*c.rng.IntN(2))),
	}
}

func pick(rng *rand.Rand, runs []Run) Run { return runs[rng.IntN(len(runs))] }

// event lets something happen, and returns what the queue and the model admit because of it.
func (c *check) event() (got, want []Run) {
	m := c.model
	crowded := len(m.waiting) > 150 || c.step/2000%4 == 3 // it is drained now and then
	switch dice := c.rng.IntN(100); {
	case dice < 50 && !crowded:
		run := c.run()
		m.waiting = append(m.waiting, run)
		return c.queue.Add(run), m.grant()
	case dice < 52 && len(m.waiting)+len(m.holding) > 0: // a stale cache shows it again
		return c.queue.Add(pick(c.rng, slices.Concat(m.waiting, m.holding))), nil
	case dice < 90 && len(m.holding) > 0: // it finishes, or is canceled or deleted
		uid := pick(c.rng, m.holding).UID
		m.remove(uid)
		return c.queue.Remove(uid), m.grant()
	case dice < 96 && len(m.waiting) > 0: // it is canceled or deleted
		uid := pick(c.rng, m.waiting).UID
		m.remove(uid)
		return c.queue.Remove(uid), m.grant()
	case dice < 97:
		return c.queue.Remove("unknown"), nil
	case dice == 97 && c.rng.IntN(10) == 0:
		c.holdAlive()
	case dice == 98 && c.rng.IntN(10) == 0:
		return c.restart()
	case dice == 99:
		c.revisit()
	}
	return nil, nil
}

// holdAlive finds a run alive that the queue thinks is waiting, or does not know.
func (c *check) holdAlive() {
	run := c.run()
	if len(c.model.waiting) > 0 && c.rng.IntN(2) == 0 {
		run = pick(c.rng, c.model.waiting)
	}
	c.queue.Hold(run)
	c.model.remove(run.UID)
	c.model.holding = append(c.model.holding, run)
}

// restart makes a new queue of what exists, known in any order, with other limits at times.
func (c *check) restart() (got, want []Run) {
	m := c.model
	if c.rng.IntN(2) == 0 {
		m.limits = Limits{Total: 1 + c.rng.IntN(12), PerNamespace: c.rng.IntN(5)}
	}
	waiting, holding := slices.Clone(m.waiting), slices.Clone(m.holding)
	for i := range waiting {
		waiting[i].Position = m.shown[waiting[i].UID]
	}
	c.rng.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
	c.rng.Shuffle(len(holding), func(i, j int) { holding[i], holding[j] = holding[j], holding[i] })
	c.queue, m.revisited = New(m.limits), 0
	return c.queue.Restore(holding, waiting), m.grant()
}

func (c *check) revisit() {
	number := 1 + c.rng.IntN(20)
	var moved []string
	for _, run := range c.queue.Revisit(number) {
		moved = append(moved, fmt.Sprint(run.UID, " ", run.Position))
	}
	if diff := cmp.Diff(c.model.revisit(number), moved); diff != "" {
		c.t.Fatalf("step %d: moved (-want +got):\n%s", c.step, diff)
	}
}

func uids(runs []Run) []types.UID {
	var all []types.UID
	for _, run := range runs {
		all = append(all, run.UID)
	}
	return all
}

// advance makes one step and compares.
func (c *check) advance(event func() (got, want []Run)) {
	c.t.Helper()
	got, want := event()
	if diff := cmp.Diff(uids(want), uids(got)); diff != "" {
		c.t.Fatalf("step %d: admitted (-want +got):\n%s", c.step, diff)
	}
	m := c.model
	if c.queue.Depth() != len(m.waiting) || c.queue.Active() != len(m.holding) {
		c.t.Fatalf("step %d: depth %d, active %d, want %d, %d", c.step, c.queue.Depth(), c.queue.Active(), len(m.waiting), len(m.holding))
	}
	c.checkPromises(got)
	if len(m.waiting) > 0 {
		run := pick(c.rng, m.waiting)
		if got, want := c.queue.Position(run.UID), m.position(run); got != want || c.queue.Admitted(run.UID) {
			c.t.Fatalf("step %d: position %d, want %d; admitted %v, want false", c.step, got, want, c.queue.Admitted(run.UID))
		}
	}
	if len(m.holding) > 0 {
		run := pick(c.rng, m.holding)
		if !c.queue.Admitted(run.UID) || c.queue.Position(run.UID) != 0 {
			c.t.Fatalf("step %d: admitted %v, position %d, want true, 0", c.step, c.queue.Admitted(run.UID), c.queue.Position(run.UID))
		}
	}
}

// checkPromises holds what users are promised against what was admitted, whatever the model says.
func (c *check) checkPromises(granted []Run) {
	c.t.Helper()
	m := c.model
	if len(granted) > 0 && len(m.holding) > m.limits.Total {
		c.t.Fatalf("step %d: a run was admitted, and %d hold a slot of %d", c.step, len(m.holding), m.limits.Total)
	}
	for _, run := range granted {
		if limit := m.limits.PerNamespace; limit > 0 && m.inNamespace(run.Namespace) > limit {
			c.t.Fatalf("step %d: a run of %s was admitted, and %d hold a slot of %d", c.step, run.Namespace, m.inNamespace(run.Namespace), limit)
		}
		for _, other := range m.waiting {
			if other.Namespace == run.Namespace && goesBefore(other, run) {
				c.t.Fatalf("step %d: %v was admitted before %v", c.step, run, other)
			}
		}
	}
	if len(m.holding) < m.limits.Total && slices.ContainsFunc(m.waiting, m.mayStart) {
		c.t.Fatalf("step %d: a slot is free, and %d runs wait", c.step, len(m.waiting))
	}
}

// drain ends what runs until nobody waits: no run is forgotten.
func (c *check) drain() {
	c.t.Helper()
	for left := len(c.model.waiting) + len(c.model.holding); left > 0; left-- {
		c.step++
		c.advance(func() (got, want []Run) {
			uid := pick(c.rng, c.model.holding).UID
			c.model.remove(uid)
			return c.queue.Remove(uid), c.model.grant()
		})
	}
	q := c.queue
	if len(q.entries)+len(q.names)+len(q.lanes)+q.waiting.len()+q.next.len()+q.active != 0 {
		c.t.Fatalf("the drained queue still holds %v %v %v", q.entries, q.names, q.lanes)
	}
}

func TestRandomEvents(t *testing.T) {
	const steps = 100_000
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	limits := Limits{Total: 6, PerNamespace: 3}
	c := &check{t: t, rng: rand.New(rand.NewPCG(seed, 0)), queue: New(limits), model: &model{limits: limits, shown: map[types.UID]int{}}}
	for c.step < steps {
		c.step++
		c.advance(c.event)
	}
	c.drain()
}
