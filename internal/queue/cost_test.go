/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package queue

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// crowds are ways to make many runs wait.
var crowds = []struct {
	name   string
	limits Limits
	run    func(i int) Run
}{
	{"no App", Limits{Total: 10}, func(i int) Run { return at(fmt.Sprint("run-", i), i) }},
	{"one App, all exclusive", Limits{Total: 10}, func(i int) Run { return at(fmt.Sprint("run-", i), i, alone("shop")) }},
	{"one App, every second exclusive", Limits{Total: 10}, func(i int) Run {
		return at(fmt.Sprint("run-", i), i, func(r *Run) { r.App, r.Exclusive = "shop", i%2 == 0 })
	}},
	{"an App each, all exclusive", Limits{Total: 10, PerNamespace: 2}, func(i int) Run {
		return at(fmt.Sprint("run-", i), i, in(fmt.Sprint("ns-", i%100)), alone(fmt.Sprint("app-", i)))
	}},
	{"a namespace at its limit before many others", Limits{Total: 10, PerNamespace: 2}, func(i int) Run {
		if i%2 == 0 {
			return at(fmt.Sprint("run-", i), i, in("crowded"), priority(1))
		}
		return at(fmt.Sprint("run-", i), i, in(fmt.Sprint("ns-", i%100)))
	}},
}

// TestCostOfAnEvent counts comparisons: a long queue, a namespace at its limit, and an App that many wait for, cost nobody
// more than the logarithm of them.
func TestCostOfAnEvent(t *testing.T) {
	const waiting, most = 40_000, 600
	for _, crowd := range crowds {
		t.Run(crowd.name, func(t *testing.T) {
			compared := 0
			q := newQueue(crowd.limits, func(a, b Run) bool {
				compared++
				return before(a, b)
			})
			for i := range waiting {
				q.Add(crowd.run(i))
			}
			uid := func(i int) types.UID { return crowd.run(i).UID }
			for i := range 1000 {
				for what, event := range map[string]func(){
					"a run that comes":              func() { q.Add(crowd.run(waiting + i)) },
					"a run that is among the first": func() { q.Remove(uid(i)) },
					"a run that does not wait":      func() { q.Remove(uid(waiting - 1 - i)) },
					"a run that is found alive":     func() { q.Hold(crowd.run(waiting/2 + i)); q.Remove(uid(waiting/2 + i)) },
					"a position":                    func() { q.Position(uid(waiting / 4)) },
					"a look at the positions":       func() { q.Revisit(25) },
				} {
					compared = 0
					event()
					if compared > most {
						t.Fatalf("%s costs %d comparisons with %d runs that wait, want at most %d", what, compared, q.Depth(), most)
					}
				}
			}
		})
	}
}

// BenchmarkTurn lets a run that has a slot end, so that the next one goes, and another one come that is told its position.
func BenchmarkTurn(b *testing.B) {
	for _, crowd := range crowds {
		for _, waiting := range []int{1_000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", crowd.name, waiting), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 2))
				compared := 0
				q := newQueue(crowd.limits, func(a, b Run) bool {
					compared++
					return before(a, b)
				})
				var holding []Run
				for i := range waiting {
					holding = append(holding, q.Add(crowd.run(i))...)
				}
				compared = 0
				for b.Loop() {
					run := holding[0]
					holding = append(holding[1:], q.Remove(run.UID)...)
					run.Created = run.Created.Add(time.Duration(rng.IntN(2*waiting)) * time.Second)
					holding = append(holding, q.Add(run)...)
					q.Position(run.UID)
				}
				b.ReportMetric(float64(compared)/float64(b.N), "comparisons/op")
			})
		}
	}
}
