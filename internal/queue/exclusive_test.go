/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package queue

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

func on(app string) func(*Run) { return func(r *Run) { r.App = app } }

func alone(app string) func(*Run) { return func(r *Run) { r.App, r.Exclusive = app, true } }

// step is something that happens to a queue, and the names of the runs that are given a slot because of it.
type step struct {
	event func(*Queue) []Run
	want  []string
}

func comes(run Run, want ...string) step {
	return step{func(q *Queue) []Run { return q.Add(run) }, want}
}

func goes(name string, want ...string) step {
	return step{func(q *Queue) []Run { return q.Remove(types.UID("uid-" + name)) }, want}
}

// alive is a run that turns out to be carried out.
func alive(run Run) step {
	return step{func(q *Queue) []Run { q.Hold(run); return nil }, nil}
}

func restored(holding, waiting []Run, want ...string) step {
	return step{func(q *Queue) []Run { return q.Restore(holding, waiting) }, want}
}

func TestExclusive(t *testing.T) {
	for _, tc := range []struct {
		reason string
		limits Limits
		steps  []step
	}{
		{
			reason: "runs that share an App run side by side", limits: Limits{Total: 9},
			steps: []step{comes(at("a", 1, on("shop")), "a"), comes(at("b", 2, on("shop")), "b")},
		},
		{
			reason: "an exclusive run waits until the App is free, and then nobody else has it", limits: Limits{Total: 9},
			steps: []step{
				comes(at("a", 1, on("shop")), "a"), comes(at("b", 2, on("shop")), "b"), comes(at("alone", 3, alone("shop"))),
				goes("a"), goes("b", "alone"), comes(at("c", 4, on("shop"))), goes("alone", "c"),
			},
		},
		{
			reason: "exclusive runs of an App go one after the other", limits: Limits{Total: 9},
			steps: []step{restored(nil, []Run{at("c", 3, alone("shop")), at("a", 1, alone("shop")), at("b", 2, alone("shop"))}, "a"),
				goes("a", "b"), goes("b", "c"), goes("c")},
		},
		{
			reason: "those behind an exclusive run that waits don't overtake it, shared or not", limits: Limits{Total: 9},
			steps: []step{
				comes(at("a", 1, on("shop")), "a"), comes(at("alone", 2, alone("shop"))),
				comes(at("b", 3, on("shop"))), comes(at("next", 4, alone("shop"))), comes(at("c", 5, on("shop"))),
				goes("a", "alone"), goes("alone", "b"), goes("b", "next"), goes("next", "c"),
			},
		},
		{
			reason: "those behind an exclusive run go at once when it is canceled", limits: Limits{Total: 9},
			steps: []step{
				comes(at("a", 1, on("shop")), "a"), comes(at("alone", 2, alone("shop"))),
				comes(at("b", 3, on("shop"))), comes(at("c", 4, on("shop"))), goes("alone", "b", "c"),
			},
		},
		{
			reason: "a higher priority goes before an exclusive run that waits", limits: Limits{Total: 9},
			steps: []step{
				comes(at("a", 1, on("shop")), "a"), comes(at("alone", 2, alone("shop"))),
				comes(at("urgent", 3, on("shop"), priority(1)), "urgent"), goes("a"), goes("urgent", "alone"),
			},
		},
		{
			reason: "an exclusive run of a higher priority goes before those that share", limits: Limits{Total: 9},
			steps: []step{
				comes(at("a", 1, alone("shop")), "a"), comes(at("b", 2, on("shop"))),
				comes(at("urgent", 3, alone("shop"), priority(1))), goes("a", "urgent"), goes("urgent", "b"),
			},
		},
		{
			reason: "an App of the same name in another namespace is another App", limits: Limits{Total: 9},
			steps: []step{
				comes(at("a", 1, alone("shop")), "a"), comes(at("b", 2, alone("shop"), in("other")), "b"),
			},
		},
		{
			reason: "other Apps, and runs that share none, pass an App that has to wait", limits: Limits{Total: 9},
			steps: []step{
				comes(at("a", 1, alone("shop")), "a"), comes(at("b", 2, on("shop"))),
				comes(at("bank", 3, alone("bank")), "bank"), comes(at("own", 4), "own"), comes(at("own-too", 5), "own-too"),
			},
		},
		{
			reason: "a run that shares no App is never gated, not even by its own word", limits: Limits{Total: 9},
			steps: []step{comes(at("a", 1, alone("")), "a"), comes(at("b", 2, alone("")), "b"), comes(at("c", 3), "c")},
		},
		{
			reason: "an App that has to wait keeps no slot from other Apps", limits: Limits{Total: 2},
			steps: []step{
				restored(nil, []Run{
					at("a", 1, alone("shop")), at("b", 2, alone("shop")), at("c", 3, on("shop")), at("d", 4, on("bank")), at("e", 5),
				}, "a", "d"),
				goes("d", "e"), goes("a", "b"), goes("e"), goes("b", "c"),
			},
		},
		{
			reason: "nor from other Apps of a namespace with a limit, nor from other namespaces", limits: Limits{Total: 3, PerNamespace: 2},
			steps: []step{
				restored(nil, []Run{
					at("a", 1, alone("shop")), at("b", 2, alone("shop")), at("c", 3, on("bank")), at("d", 4, on("bank")),
					at("e", 5, on("shop"), in("other")),
				}, "a", "c", "e"),
				goes("e"), goes("a", "b"), goes("c", "d"),
			},
		},
		{
			reason: "a free App is of no use while the namespace is at its limit", limits: Limits{Total: 9, PerNamespace: 1},
			steps: []step{
				comes(at("own", 1), "own"), comes(at("alone", 2, alone("shop"))), comes(at("later", 3)),
				goes("own", "alone"), goes("alone", "later"),
			},
		},
		{
			reason: "what was exclusive before a restart is so after it", limits: Limits{Total: 9},
			steps: []step{
				restored([]Run{at("a", 9, alone("shop"))}, []Run{at("b", 1, on("shop")), at("c", 2, alone("shop")), at("d", 3, on("bank"))}, "d"),
				goes("a", "b"), goes("b", "c"),
			},
		},
		{
			reason: "what shares the App since before a restart keeps an exclusive run waiting", limits: Limits{Total: 9},
			steps: []step{
				restored([]Run{at("a", 9, on("shop"))}, []Run{at("alone", 1, alone("shop")), at("b", 2, on("shop"))}),
				goes("a", "alone"), goes("alone", "b"),
			},
		},
		{
			reason: "nobody joins an exclusive run that is found beside others, until it is gone", limits: Limits{Total: 9},
			steps: []step{
				comes(at("a", 1, on("shop")), "a"), alive(at("alone", 2, alone("shop"))), comes(at("b", 3, on("shop"))),
				goes("a"), goes("alone", "b"),
			},
		},
		{
			reason: "those that share go on beside what is left when an exclusive run is gone", limits: Limits{Total: 9},
			steps: []step{
				comes(at("a", 1, on("shop")), "a"), alive(at("alone", 2, alone("shop"))),
				comes(at("b", 3, on("shop"))), comes(at("next", 4, alone("shop"))),
				goes("alone", "b"), goes("a"), goes("b", "next"),
			},
		},
		{
			reason: "two exclusive runs that are found on one App both have to be gone", limits: Limits{Total: 9},
			steps: []step{
				restored([]Run{at("one", 1, alone("shop")), at("two", 2, alone("shop"))}, []Run{at("a", 3, on("shop"))}),
				goes("one"), goes("two", "a"),
			},
		},
		{
			reason: "an exclusive run that waits and is found alive counts once", limits: Limits{Total: 9},
			steps: []step{
				comes(at("a", 1, on("shop")), "a"), comes(at("alone", 2, alone("shop"))), comes(at("b", 3, on("shop"))),
				alive(at("alone", 2, alone("shop"))), alive(at("alone", 2, alone("shop"))), goes("a"), goes("alone", "b"),
			},
		},
		{
			reason: "a run that is found alive is on the App it came with", limits: Limits{Total: 9},
			steps: []step{
				comes(at("a", 1, alone("shop")), "a"), alive(at("a", 1)), comes(at("b", 2, on("shop"))), goes("a", "b"),
			},
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			q := New(tc.limits)
			var want, got [][]string
			for _, s := range tc.steps {
				want, got = append(want, s.want), append(got, names(s.event(q)))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("admitted with each step (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAttempts(t *testing.T) {
	q := New(Limits{Total: 1})
	attempt := func(number int) func(*Run) { return func(r *Run) { r.Attempt = number } }
	expect := func(when string, want Run) {
		t.Helper()
		if diff := cmp.Diff([]Run{want}, q.Named(want.NamespacedName)); diff != "" {
			t.Errorf("runs of the name %s (-want +got):\n%s", when, diff)
		}
	}
	q.Add(at("a", 1, attempt(1)))
	expect("with its first attempt", at("a", 1, attempt(1)))
	q.Hold(at("a", 1, attempt(2)))
	expect("with its second attempt", at("a", 1, attempt(2)))
	q.Hold(at("a", 1, attempt(1)))
	q.Add(at("a", 1, attempt(3)))
	expect("after others looked at what was", at("a", 1, attempt(2)))
	q.Add(at("b", 2))
	q.Hold(at("b", 2, attempt(1)))
	expect("that waited and turns out to be carried out", at("b", 2, attempt(1)))
	if q.Active() != 2 {
		t.Errorf("%d runs have a slot, want 2", q.Active())
	}
}
