/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runlog

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// A run that is tried again is followed from attempt to attempt, also past one that never had a log.
func TestFollowThroughTheAttempts(t *testing.T) {
	s := newStage(t, nil)
	s.makePod()
	s.containers(running())
	s.state(v1alpha1.TestRunRunning, v1alpha1.ReasonRunning, "")
	f := s.follow(Options{})
	s.kubelet.Write(s.log("runner"), "first\n")
	s.out.await(t, "first\n")
	s.kubelet.End(s.log("runner"))
	s.containers(ended(137))
	s.again(v1alpha1.ReasonEvicted, "low on memory")
	s.said.await(t, "Attempt 1 ended as Error (Evicted: low on memory): following attempt 2\n")
	s.said.await(t, "Waiting for the Pod (Starting)\n")

	s.again(v1alpha1.ReasonUnschedulable, "no node")
	s.said.await(t, "Attempt 2 ended as Error (Unschedulable: no node): following attempt 3\n")

	s.makePod()
	s.containers(running())
	s.state(v1alpha1.TestRunRunning, v1alpha1.ReasonRunning, "")
	s.kubelet.Write(s.log("runner"), "third\n")
	s.kubelet.End(s.log("runner"))
	s.containers(ended(0))
	s.state(v1alpha1.TestRunPassed, v1alpha1.ReasonPassedAfterRetry, "")
	run, err := f.wait()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("first\nthird\n", s.out.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if run.Status.Reason != v1alpha1.ReasonPassedAfterRetry {
		t.Errorf("the run is returned as %+v", run.Status)
	}
}

// Every attempt keeps its log, the names of the Pods say which: ten comes after nine.
func TestPrintOneOfTheAttempts(t *testing.T) {
	s := newStage(t, nil)
	for range 9 {
		s.again(v1alpha1.ReasonEvicted, "")
	}
	s.attempt = 9
	s.makePod()
	s.containers(ended(137))
	s.kubelet.Write(s.log("runner"), "nine\n")
	s.kubelet.Write(s.log("runner"), "end of nine\n")
	s.attempt = 10
	s.makePod()
	s.containers(ended(0))
	s.kubelet.Write(s.log("runner"), "ten\n")
	s.kubelet.Write(s.log("runner"), "end of ten\n")
	s.again("", "")
	s.state(v1alpha1.TestRunPassed, v1alpha1.ReasonPassedAfterRetry, "")

	for _, tc := range []struct {
		reason       string
		attempt      int32
		want, refuse string
	}{
		{reason: "the last one", want: "ten\nend of ten\n"},
		{reason: "an earlier one", attempt: 9, want: "nine\nend of nine\n"},
		{reason: "the last one by its number", attempt: 10, want: "ten\nend of ten\n"},
		{reason: "one without a Pod", attempt: 2, refuse: `attempt 2 of testrun "upgrade" has no log: its script was never started`},
		{reason: "one that there is not", attempt: 11, refuse: `testrun "upgrade" has no attempt 11: its last one is 10`},
	} {
		s.out.reset()
		err := s.reader.Print(t.Context(), s.run, Options{Attempt: tc.attempt})
		if diff := cmp.Diff(tc.want, s.out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
		}
		if tc.refuse == "" && err != nil || tc.refuse != "" && (err == nil || err.Error() != tc.refuse) {
			t.Errorf("%s: Print returned %v, want %q", tc.reason, err, tc.refuse)
		}
	}

	s.out.reset()
	one := int64(1)
	if _, err := s.follow(Options{Attempt: 9, Tail: &one}).wait(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("end of nine\nten\nend of ten\n", s.out.String()); diff != "" {
		t.Errorf("followed from attempt 9 (-want +got):\n%s", diff)
	}
	if _, err := s.follow(Options{Attempt: 11}).wait(); err == nil {
		t.Error("an attempt that there is not can be followed")
	}
}

// Between two attempts there is the log of the one before, and it is said which one that is.
func TestPrintBetweenTwoAttempts(t *testing.T) {
	s := newStage(t, nil)
	s.makePod()
	s.containers(ended(137))
	s.kubelet.Write(s.log("runner"), "one\n")
	s.again(v1alpha1.ReasonEvicted, "")
	if err := s.reader.Print(t.Context(), s.run, Options{}); err != nil {
		t.Fatal(err)
	}
	if got, want := s.out.String()+s.said.String(), "one\nAttempt 2 has no log yet, this is the one of pod upgrade-1\n"; got != want {
		t.Errorf("printed and said %q, want %q", got, want)
	}
}

func TestWait(t *testing.T) {
	s := newStage(t, nil)
	type end struct {
		run *v1alpha1.TestRun
		err error
	}
	ends := make(chan end, 1)
	asked := s.run.DeepCopy()
	go func() {
		run, err := s.reader.Wait(t.Context(), asked)
		ends <- end{run, err}
	}()
	s.said.await(t, "Waiting for the manager to pick the run up\n")
	before := s.run.DeepCopy()
	s.run.Status.QueuePosition = 3
	s.statusFrom(before, v1alpha1.TestRunPending, v1alpha1.ReasonQueued, "10 of 10 slots are taken")
	s.said.await(t, "Waiting for its turn (Queued, position 3: 10 of 10 slots are taken)\n")
	s.state(v1alpha1.TestRunRunning, v1alpha1.ReasonRunning, "")
	s.said.await(t, "Waiting for the script to end\n")
	s.state(v1alpha1.TestRunFailed, v1alpha1.ReasonScriptError, "")
	if got := <-ends; got.err != nil || got.run.Status.State != v1alpha1.TestRunFailed {
		t.Errorf("Wait returned %+v, %v", got.run, got.err)
	}
}

func TestWaitEndsWhenTheRunIsDeleted(t *testing.T) {
	s := newStage(t, nil)
	errs := make(chan error, 1)
	asked := s.run.DeepCopy()
	go func() {
		_, err := s.reader.Wait(t.Context(), asked)
		errs <- err
	}()
	s.said.await(t, "Waiting for the manager")
	if err := s.client.Delete(t.Context(), s.run); err != nil {
		t.Fatal(err)
	}
	if err := <-errs; !errors.Is(err, ErrDeleted) {
		t.Errorf("Wait returned %v, want ErrDeleted", err)
	}
}
