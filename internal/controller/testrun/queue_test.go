/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

func priority(p int32) func(*v1alpha1.TestRun) {
	return func(run *v1alpha1.TestRun) { run.Spec.Priority = p }
}

// awaitPositions waits until the runs have these positions; 0 is for none.
func (c *cluster) awaitPositions(want map[string]int32) {
	c.t.Helper()
	c.eventually(fmt.Sprintf("the positions are %v", want), func() (bool, any) {
		runs := &v1alpha1.TestRunList{}
		c.must(c.Client.List(c.t.Context(), runs, client.InNamespace(c.namespace)))
		got := map[string]int32{}
		for _, run := range runs.Items {
			got[run.Name] = run.Status.QueuePosition
		}
		diff := cmp.Diff(want, got)
		return diff == "", diff
	})
}

// passRun lets the Pod of the run start and pass.
func (c *cluster) passRun(name string) {
	c.t.Helper()
	pod := c.awaitPod(name)
	c.must(c.report(c.t.Context(), pod, runningState()))
	c.must(c.report(c.t.Context(), pod, resultOf(c.t, contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed})))
	c.await(name, v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
}

func TestPriorityAndPositions(t *testing.T) {
	c := newCluster(t)
	_, stop := c.manage(settings{limit: 1, startDeadline: time.Hour})
	c.run("a")
	c.awaitPod("a")
	c.run("b", priority(-5))
	c.awaitPositions(map[string]int32{"a": 0, "b": 1})
	c.run("c")
	c.awaitPositions(map[string]int32{"a": 0, "b": 2, "c": 1})
	c.run("d", priority(5))
	c.awaitPositions(map[string]int32{"a": 0, "b": 3, "c": 2, "d": 1})

	c.passRun("a")
	c.awaitPod("d")
	c.awaitPositions(map[string]int32{"a": 0, "b": 2, "c": 1, "d": 0})

	stop()
	c.manage(settings{limit: 1, startDeadline: time.Hour})
	for _, name := range []string{"d", "c", "b"} {
		c.passRun(name)
	}
	c.awaitPositions(map[string]int32{"a": 0, "b": 0, "c": 0, "d": 0})
}

func TestNamespaceAtItsLimitKeepsNobodyElseWaiting(t *testing.T) {
	crowded := newCluster(t)
	other := newCluster(t)
	s := settings{limit: 5, perNamespace: 2, startDeadline: time.Hour}
	_, stop := crowded.manage(s)
	for i := range 4 {
		crowded.run(fmt.Sprintf("run-%d", i), priority(int32(10-i)))
	}
	crowded.awaitPod("run-0")
	crowded.awaitPod("run-1")
	crowded.awaitMessage("run-2", "at most 5 runs have a slot at once, and at most 2 in a namespace")
	other.run("alone")
	other.awaitPod("alone")

	stop()
	r, _ := crowded.manage(s)
	crowded.passRun("run-1")
	crowded.awaitPod("run-2")
	crowded.awaitPositions(map[string]int32{"run-0": 0, "run-1": 0, "run-2": 0, "run-3": 1})
	if active, depth := r.Queue.Active(), r.Queue.Depth(); active != 3 || depth != 1 {
		t.Errorf("%d runs have a slot and %d wait, want 3 and 1", active, depth)
	}
}

func TestQueueIsKnownWithoutAnyRun(t *testing.T) {
	r, _ := newCluster(t).manage(settings{limit: 1, startDeadline: time.Hour})
	newCluster(t).eventually("the queue is known", func() (bool, any) { return r.Queue.Restored(), nil })
}

// counts are what Metrics was told.
type counts struct {
	Admissions int
	Ends       []string
	Ran        []string
}

func (c *counts) Admitted(time.Duration) { c.Admissions++ }

func (c *counts) Finished(state, reason string) { c.Ends = append(c.Ends, state+" "+reason) }

type counter struct{ counts }

func (c *counter) Ran(state string, _ time.Duration) { c.counts.Ran = append(c.counts.Ran, state) }

// TestEachRunIsCountedOnce has several managers, one after the other, see every state of the runs.
func TestEachRunIsCountedOnce(t *testing.T) {
	c := newCluster(t)
	counted := &counter{}
	c.run("passes")
	c.run("without-app", func(run *v1alpha1.TestRun) { run.Spec.AppName = "nowhere" })
	for _, step := range []func(){
		func() {},
		func() {},
		func() { c.must(c.report(t.Context(), c.awaitPod("passes"), runningState())) },
		func() {},
		func() {
			c.must(c.report(t.Context(), c.awaitPod("passes"), resultOf(t, contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed})))
		},
		func() {},
		func() {},
	} {
		step()
		r := c.incarnation(&mortal{})
		r.Metrics = counted
		for _, name := range []string{"passes", "without-app", "passes", "without-app"} {
			_, err := r.Reconcile(context.Background(), ctrl.Request{NamespacedName: c.key(name)})
			c.must(err)
		}
	}
	c.await("passes", v1alpha1.TestRunPassed, v1alpha1.ReasonPassed)
	c.await("without-app", v1alpha1.TestRunError, v1alpha1.ReasonAppNotFound)
	want := counts{Admissions: 2, Ends: []string{"Passed Passed", "Error AppNotFound"}, Ran: []string{"Passed"}}
	if diff := cmp.Diff(want, counted.counts); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

// TestWaitingRunsAreWrittenOnce sees that a queue that moves costs no write for each of those that wait in it.
func TestWaitingRunsAreWrittenOnce(t *testing.T) {
	c := newCluster(t)
	m := &mortal{}
	r := c.incarnation(m)
	r.Events = events.NewFakeRecorder(1000)
	reconcile := func(name string) {
		t.Helper()
		_, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: c.key(name)})
		c.must(err)
	}
	const waiting = 30
	c.run("first")
	reconcile("first")
	for i := range waiting {
		name := fmt.Sprintf("run-%02d", i)
		c.run(name)
		reconcile(name)
	}
	before := m.writes
	for i := range 5 {
		c.run(fmt.Sprintf("urgent-%d", i), priority(1))
		reconcile(fmt.Sprintf("urgent-%d", i))
	}
	for i := range waiting {
		reconcile(fmt.Sprintf("run-%02d", i))
	}
	if written := m.writes - before; written != 5 {
		t.Errorf("%d writes for 5 new runs before %d others, want 5", written, waiting)
	}
	second := &mortal{}
	r = c.incarnation(second)
	for i := range waiting {
		reconcile(fmt.Sprintf("run-%02d", i))
	}
	if second.writes != 0 {
		t.Errorf("another manager makes %d writes when it finds the queue, want none", second.writes)
	}
	for _, run := range r.Queue.Revisit(10) {
		reconcile(run.Name)
	}
	if written := second.writes; written == 0 || written > 20 {
		t.Errorf("%d writes to put positions right, want 1 to 20", written)
	}
	run := &v1alpha1.TestRun{}
	c.must(c.Client.Get(t.Context(), c.key("run-00"), run))
	if want := int32(6); run.Status.QueuePosition != want {
		t.Errorf("position is %d, want %d", run.Status.QueuePosition, want)
	}
}
