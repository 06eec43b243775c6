/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package queue

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

// check plays random events on a queue and on its model.
type check struct {
	t     *testing.T
	rng   *rand.Rand
	queue *Queue
	model *model
	step  int
}

// run returns a run of one of some namespaces and Apps, of which some are busier than others.
func (c *check) run() Run {
	return Run{
		NamespacedName: types.NamespacedName{
			Namespace: fmt.Sprintf("ns-%d", min(c.rng.IntN(6), c.rng.IntN(6))),
			Name:      fmt.Sprintf("run-%d", c.rng.IntN(100)),
		},
		UID:      types.UID(fmt.Sprintf("uid-%d", c.step)),
		Created:  epoch.Add(time.Duration(c.step/20+c.rng.IntN(20)) * time.Second),
		Priority: int32(max(0, c.rng.IntN(12)-8) * (1 - 2*c.rng.IntN(2))),
		// The first one is no App: an Ephemeral run has none to share, whether it is called exclusive or not.
		App:       []string{"", "bank", "shop", "shop"}[c.rng.IntN(4)],
		Exclusive: c.rng.IntN(10) < c.step/5000%4*3, // none at first, nine of ten in the end, and again
		Attempt:   c.rng.IntN(3),
	}
}

func pick(rng *rand.Rand, runs []Run) Run { return runs[rng.IntN(len(runs))] }

// event lets something happen, and returns what the queue and the model admit because of it.
func (c *check) event() (got, want []Run) {
	m := c.model
	crowded := len(m.waiting) > 100 || c.step/2000%4 == 3 // it is drained now and then
	switch dice := c.rng.IntN(100); {
	case dice < 50 && !crowded:
		run := c.run()
		m.waiting = append(m.waiting, run)
		return c.queue.Add(run), m.grant()
	case dice < 51 && len(m.waiting) > 0: // a stale cache shows it again
		return c.queue.Add(pick(c.rng, m.waiting)), nil
	case dice < 52 && len(m.holding) > 0:
		return c.queue.Add(pick(c.rng, m.holding)), nil
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
	case dice == 97 && len(m.holding) > 0:
		c.attempt()
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
	run.Attempt++
	c.queue.Hold(run)
	c.model.remove(run.UID)
	c.model.holding = append(c.model.holding, run)
}

// attempt lets a run that has a slot go on with its next attempt, or looks at the one before. It says no more of the run
// than what its Pod would.
func (c *check) attempt() {
	run := &c.model.holding[c.rng.IntN(len(c.model.holding))]
	seen := Run{NamespacedName: run.NamespacedName, UID: run.UID, Attempt: max(0, run.Attempt+1-2*c.rng.IntN(2))}
	c.queue.Hold(seen)
	run.Attempt = max(run.Attempt, seen.Attempt)
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
	if !slices.Equal(uids(want), uids(got)) {
		c.t.Fatalf("step %d: admitted (-want +got):\n%s", c.step, cmp.Diff(uids(want), uids(got)))
	}
	m := c.model
	if c.queue.Depth() != len(m.waiting) || c.queue.Active() != len(m.holding) {
		c.t.Fatalf("step %d: depth %d, active %d, want %d, %d", c.step, c.queue.Depth(), c.queue.Active(), len(m.waiting), len(m.holding))
	}
	c.checkPromises(got)
	if len(m.waiting) > 0 {
		run := pick(c.rng, m.waiting)
		c.checkNamed(run)
		if got, want := c.queue.Position(run.UID), m.position(run); got != want || c.queue.Admitted(run.UID) {
			c.t.Fatalf("step %d: position %d, want %d; admitted %v, want false", c.step, got, want, c.queue.Admitted(run.UID))
		}
	}
	if len(m.holding) > 0 {
		run := pick(c.rng, m.holding)
		c.checkNamed(run)
		if !c.queue.Admitted(run.UID) || c.queue.Position(run.UID) != 0 {
			c.t.Fatalf("step %d: admitted %v, position %d, want true, 0", c.step, c.queue.Admitted(run.UID), c.queue.Position(run.UID))
		}
	}
}

// checkNamed compares all that is remembered of the runs that have the name of this one.
func (c *check) checkNamed(run Run) {
	c.t.Helper()
	want, got := c.model.named(run.NamespacedName), plain(c.queue.Named(run.NamespacedName))
	if !slices.Equal(want, got) {
		c.t.Fatalf("step %d: runs of the name (-want +got):\n%s", c.step, cmp.Diff(want, got))
	}
}

// checkPromises holds what users are promised against what was admitted, whatever the model says. Nothing starves because
// nobody is overtaken: not on its App, and not by runs of other Apps of its namespace unless it waits for its own.
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
		for _, other := range m.holding {
			if (run.Exclusive || other.Exclusive) && sameApp(run, other) {
				c.t.Fatalf("step %d: %v was admitted beside %v", c.step, run, other)
			}
		}
		for _, other := range m.waiting {
			entitled := sameApp(run, other) || other.Namespace == run.Namespace && !m.gated(other)
			if entitled && goesBefore(other, run) {
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

var seedFlag = flag.Uint64("seed", 0, "the seed of the model check to play again; 0 for a new one")

func TestRandomEvents(t *testing.T) {
	const steps = 100_000
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	limits := Limits{Total: 6, PerNamespace: 3}
	c := &check{t: t, rng: rand.New(rand.NewPCG(seed, 0)), queue: New(limits), model: &model{limits: limits, shown: map[types.UID]int{}}}
	for c.step < steps {
		c.step++
		c.advance(c.event)
	}
	c.drain()
}
