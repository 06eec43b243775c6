/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

var fromGit = &v1alpha1.GitSource{URL: "https://git.example.com/shop.git", Path: "a.lua", Revision: "v2"}

// A run is followed from before anything of it exists, and says what it waits for.
func TestFollowFromTheQueueToTheVerdict(t *testing.T) {
	s := newStage(t, nil)
	f := s.follow(Options{})
	s.said.await(t, "Waiting for the manager to pick the run up\n")
	s.state(v1alpha1.TestRunPending, v1alpha1.ReasonQueued, "10 of 10 slots are taken")
	s.said.await(t, "Waiting for its turn (Queued: 10 of 10 slots are taken)\n")
	s.makePod()
	s.containers(waiting("ContainerCreating", ""))
	s.said.await(t, "Waiting for the script to start\n")
	s.containers(waiting("ImagePullBackOff", "no such image"))
	s.said.await(t, "Waiting for the script to start (ImagePullBackOff: no such image)\n")

	s.containers(running())
	s.state(v1alpha1.TestRunRunning, v1alpha1.ReasonRunning, "")
	s.kubelet.Write(s.log("runner"), "first\n")
	s.out.await(t, "first\n")
	long := strings.Repeat("x", 200_000)
	s.kubelet.Write(s.log("runner"), long+"\n")
	s.out.await(t, long+"\n")
	s.kubelet.Write(s.log("runner"), "last\n")
	s.kubelet.End(s.log("runner"))
	s.containers(ended(1))
	s.state(v1alpha1.TestRunFailed, v1alpha1.ReasonAssertionFailed, "a.lua:3: no")

	run, err := f.wait()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("first\n"+long+"\nlast\n", s.out.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if run.Status.State != v1alpha1.TestRunFailed || run.Status.Message != "a.lua:3: no" {
		t.Errorf("the run is returned as %+v", run.Status)
	}
	if said := strings.Count(s.said.String(), "\n"); said != 4 {
		t.Errorf("more was said than what changed:\n%s", s.said)
	}
}

// The API server ends the stream of a broken connection as it ends that of a container that has
// ended, so only the Pod tells them apart.
func TestFollowSurvivesBrokenConnections(t *testing.T) {
	s := newStage(t, nil)
	s.makePod()
	s.containers(running())
	s.state(v1alpha1.TestRunRunning, v1alpha1.ReasonRunning, "")
	// Breaks in the first timestamp, after it, within a line, and after many lines.
	s.kubelet.BreakAfter(7, 31, 100, 5000)
	f := s.follow(Options{})
	var want strings.Builder
	for i := range 400 {
		line := fmt.Sprintf("line %d\n", i)
		s.kubelet.Write(s.log("runner"), line)
		want.WriteString(line)
		if i%100 == 50 {
			s.out.await(t, line)
			s.kubelet.Break()
		}
	}
	s.kubelet.Write(s.log("runner"), "last\n")
	s.out.await(t, "last\n")
	// What is written while nobody listens must come too.
	s.kubelet.BreakAfter(0)
	s.kubelet.Break()
	s.kubelet.Write(s.log("runner"), "after the last break\n")
	s.kubelet.End(s.log("runner"))
	s.containers(ended(0))
	s.state(v1alpha1.TestRunPassed, v1alpha1.ReasonPassed, "")
	if _, err := f.wait(); err != nil {
		t.Fatal(err)
	}
	want.WriteString("last\nafter the last break\n")
	if diff := cmp.Diff(want.String(), s.out.String()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	if opened := s.kubelet.Opened(); opened < 9 {
		t.Errorf("the log was opened %d times, want once more after each of 9 breaks", opened)
	}
}

// Following a run that has ended shows its log, even when the first answers are cut off.
func TestFollowAfterTheEnd(t *testing.T) {
	s := newStage(t, nil)
	s.makePod()
	s.kubelet.Write(s.log("runner"), "one\n")
	s.kubelet.Write(s.log("runner"), "two\n")
	s.kubelet.Write(s.log("runner"), "three\n")
	s.kubelet.End(s.log("runner"))
	s.containers(ended(0))
	s.state(v1alpha1.TestRunPassed, v1alpha1.ReasonPassed, "")
	// Each line has 30 characters of time, a blank, and itself.
	s.kubelet.BreakAfter(0, 35, 70)
	if _, err := s.follow(Options{}).wait(); err != nil {
		t.Fatal(err)
	}
	if got, want := s.out.String(), "one\ntwo\nthree\n"; got != want {
		t.Errorf("log is %q, want %q", got, want)
	}
}

func TestFollowAfterARotation(t *testing.T) {
	s := newStage(t, nil)
	s.makePod()
	s.containers(running())
	f := s.follow(Options{})
	s.kubelet.Write(s.log("runner"), "before 1\nbefore 2\n")
	s.out.await(t, "before 2\n")
	s.kubelet.Rotate(s.log("runner"))
	s.kubelet.Write(s.log("runner"), "after 1\n")
	s.kubelet.Write(s.log("runner"), "after 2\n")
	s.out.await(t, "after 2\n")
	s.kubelet.End(s.log("runner"))
	s.containers(ended(0))
	s.state(v1alpha1.TestRunPassed, v1alpha1.ReasonPassed, "")
	if _, err := f.wait(); err != nil {
		t.Fatal(err)
	}
	if got, want := s.out.String(), "before 1\nbefore 2\nafter 1\nafter 2\n"; got != want {
		t.Errorf("log is %q, want %q", got, want)
	}
}

func TestFollowShowsTheCloneFirst(t *testing.T) {
	s := newStage(t, fromGit)
	f := s.follow(Options{})
	s.makePod()
	s.containers(waiting("PodInitializing", ""), waiting("PodInitializing", ""))
	s.said.await(t, "Waiting for the git clone to start\n")
	s.containers(running(), waiting("PodInitializing", ""))
	s.kubelet.Write(s.log("fetch"), "cloned abc\n")
	s.out.await(t, "cloned abc\n")
	s.kubelet.End(s.log("fetch"))
	s.containers(ended(0), waiting("PodInitializing", ""))
	s.containers(ended(0), running())
	s.kubelet.Write(s.log("runner"), "hello\n")
	s.out.await(t, "hello\n")
	s.kubelet.End(s.log("runner"))
	s.containers(ended(0), ended(0))
	s.state(v1alpha1.TestRunPassed, v1alpha1.ReasonPassed, "")
	if _, err := f.wait(); err != nil {
		t.Fatal(err)
	}
	if got, want := s.out.String(), "cloned abc\nhello\n"; got != want {
		t.Errorf("log is %q, want %q", got, want)
	}
}

func TestFollowOfACloneThatFails(t *testing.T) {
	s := newStage(t, fromGit)
	s.makePod()
	s.containers(running(), waiting("PodInitializing", ""))
	f := s.follow(Options{})
	s.kubelet.Write(s.log("fetch"), "revision v2 not found\n")
	s.kubelet.End(s.log("fetch"))
	s.out.await(t, "revision v2 not found\n")
	s.containers(ended(2), waiting("PodInitializing", ""))
	s.state(v1alpha1.TestRunError, v1alpha1.ReasonGitCloneFailed, "revision v2 not found")
	run, err := f.wait()
	if err != nil {
		t.Fatal(err)
	}
	if run.Status.State != v1alpha1.TestRunError {
		t.Errorf("the run is returned as %+v", run.Status)
	}
}

// Many runs end before their log is asked for, and their Pod may be gone.
func TestFollowOfARunThatNeverStarts(t *testing.T) {
	s := newStage(t, nil)
	f := s.follow(Options{})
	s.said.await(t, "Waiting for the manager")
	s.state(v1alpha1.TestRunError, v1alpha1.ReasonAppNotFound, `App "shop" is not there`)
	_, err := f.wait()
	var noLog *NoLogError
	if !errors.As(err, &noLog) {
		t.Fatalf("Follow returned %v, want a NoLogError", err)
	}
	if noLog.Run.Status.Reason != v1alpha1.ReasonAppNotFound || noLog.WaitingFor != "" {
		t.Errorf("NoLogError is %+v", noLog)
	}
}

// A cluster that fails to answer at the wrong moment does not end the log.
func TestFollowAsksAgain(t *testing.T) {
	s := newStage(t, nil)
	asked := 0
	s.reader.Client = interceptor.NewClient(s.client, interceptor.Funcs{
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			applied := (&client.ListOptions{}).ApplyOptions(opts)
			if _, ok := list.(*corev1.PodList); ok && applied.Raw == nil {
				if asked++; asked == 2 {
					return io.ErrUnexpectedEOF
				}
			}
			return c.List(ctx, list, opts...)
		},
	})
	f := s.follow(Options{})
	s.said.await(t, "Waiting for the manager")
	s.state(v1alpha1.TestRunError, v1alpha1.ReasonAppNotFound, `App "shop" is not there`)
	_, err := f.wait()
	if noLog := (*NoLogError)(nil); !errors.As(err, &noLog) {
		t.Errorf("Follow returned %v, want a NoLogError", err)
	}
	if !strings.HasSuffix(s.said.String(), "The cluster does not answer (unexpected EOF): trying again\n") {
		t.Errorf("said: %s", s.said)
	}
}

func TestFollowEndsWhenTheRunIsDeleted(t *testing.T) {
	s := newStage(t, nil)
	f := s.follow(Options{})
	s.said.await(t, "Waiting for the manager")
	if err := s.client.Delete(t.Context(), s.run); err != nil {
		t.Fatal(err)
	}
	if _, err := f.wait(); !errors.Is(err, ErrDeleted) {
		t.Errorf("Follow returned %v, want ErrDeleted", err)
	}
}

// A Pod that is deleted under a running test takes its log along, which is said; the verdict comes all the same.
func TestFollowGoesOnWhenThePodIsDeleted(t *testing.T) {
	s := newStage(t, nil)
	s.makePod()
	s.containers(running())
	f := s.follow(Options{})
	s.kubelet.Write(s.log("runner"), "first\n")
	s.out.await(t, "first\n")
	if err := s.client.Delete(t.Context(), s.pod, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	s.kubelet.Break()
	s.said.await(t, "Pod upgrade-1 is gone, and the rest of its log with it\n")
	s.state(v1alpha1.TestRunError, v1alpha1.ReasonPodDeleted, "somebody deleted it")
	run, err := f.wait()
	if err != nil || run.Status.Reason != v1alpha1.ReasonPodDeleted {
		t.Errorf("Follow returned %v, %v", run, err)
	}
}

func TestFollowCanBeStopped(t *testing.T) {
	s := newStage(t, nil)
	s.makePod()
	s.containers(running())
	f := s.follow(Options{})
	s.kubelet.Write(s.log("runner"), "first\n")
	s.out.await(t, "first\n")
	f.stop()
	if _, err := f.wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("Follow returned %v, want context.Canceled", err)
	}
}

func TestPrint(t *testing.T) {
	two := int64(2)
	at := time.Now().Add(-time.Hour).UTC()
	stamp := func(d time.Duration) string { return at.Add(d).Format("2006-01-02T15:04:05.000000000Z07:00") }
	for _, tc := range []struct {
		reason string
		git    *v1alpha1.GitSource
		opts   Options
		want   string
	}{
		{"all of it", nil, Options{}, "one\ntwo\nthree\n"},
		{"the end", nil, Options{Tail: &two}, "two\nthree\n"},
		{"with the time", nil, Options{Timestamps: true, Tail: &two}, stamp(time.Second) + " two\n" + stamp(time.Hour) + " three\n"},
		{"the last minute", nil, Options{Since: time.Minute}, "three\n"},
		{"with the clone before", fromGit, Options{}, "cloned\none\ntwo\nthree\n"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			s := newStage(t, tc.git)
			s.makePod()
			if tc.git == nil {
				s.containers(running())
			} else {
				s.containers(ended(0), running())
				s.kubelet.WriteAt(s.log("fetch"), at, "cloned\n")
			}
			s.kubelet.WriteAt(s.log("runner"), at, "one\n")
			s.kubelet.WriteAt(s.log("runner"), at.Add(time.Second), "two\n")
			s.kubelet.WriteAt(s.log("runner"), at.Add(time.Hour), "three\n")
			if err := s.reader.Print(t.Context(), s.run, tc.opts); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, s.out.String()); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPrintOfARunWithoutALog(t *testing.T) {
	s := newStage(t, nil)
	s.state(v1alpha1.TestRunPending, v1alpha1.ReasonQueued, "10 of 10 slots are taken")
	err := s.reader.Print(t.Context(), s.run, Options{})
	want := `testrun "upgrade" has no log yet: it waits for its turn (Queued: 10 of 10 slots are taken)`
	if err == nil || err.Error() != want {
		t.Errorf("Print returned %v, want %q", err, want)
	}
	s.makePod()
	s.containers(waiting("ContainerCreating", ""))
	err = s.reader.Print(t.Context(), s.run, Options{})
	if want := contract.RunnerContainer; err == nil || strings.Contains(err.Error(), want) || !strings.HasSuffix(err.Error(), "it waits for the script to start") {
		t.Errorf("Print returned %v, want that the script has not started", err)
	}
}
