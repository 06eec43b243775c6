/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package runlog reads the log of a TestRun from its Pod: as it is now, or live and through
// broken connections until the script has ended.
package runlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// verdictPause is how long the verdict may take after the script has ended.
const verdictPause = 30 * time.Second

// ErrDeleted is returned when the run is deleted while it is followed.
var ErrDeleted = errors.New("the testrun was deleted")

// NoLogError says that a run has no log, and Run why.
type NoLogError struct {
	Run *v1alpha1.TestRun
	// Attempt is the one that was asked for; 0 for none in particular.
	Attempt int32
	// WaitingFor is set when the run may still get a log. See WaitingFor.
	WaitingFor string
}

func (e *NoLogError) Error() string {
	what := fmt.Sprintf("testrun %q", e.Run.Name)
	if e.Attempt > 0 {
		what = fmt.Sprintf("attempt %d of %s", e.Attempt, what)
	}
	if e.WaitingFor != "" {
		return fmt.Sprintf("%s has no log yet: it waits for %s", what, e.WaitingFor)
	}
	return what + " has no log: its script was never started"
}

// Options choose a part of the log.
type Options struct {
	// Attempt is the number of an attempt, from 1; 0 for the last one that there is.
	Attempt    int32
	Timestamps bool
	// Tail is the number of lines from the end, of the clone's log and of the script's; nil for all.
	Tail *int64
	// Since leaves out what is older; zero for all.
	Since time.Duration
}

// Say tells the user what happens besides the log.
type Say func(format string, args ...any)

// Reader reads logs of runs.
type Reader struct {
	Client client.WithWatch
	Pods   corev1client.PodsGetter
	Out    io.Writer
	// Say is never called twice at once.
	Say Say

	saying sync.Mutex
}

func (r *Reader) say(format string, args ...any) {
	r.saying.Lock()
	defer r.saying.Unlock()
	r.Say(format, args...)
}

// Print writes the log as it is now. It returns a *NoLogError when no container has started.
func (r *Reader) Print(ctx context.Context, run *v1alpha1.TestRun, opts Options) error {
	if err := checkAttempt(run, opts.Attempt); err != nil {
		return err
	}
	all, err := listPods(ctx, r.Client, run)
	if err != nil {
		return err
	}
	pod := all[cmp.Or(opts.Attempt, CurrentAttempt(run))]
	if newest := all.newest(); opts.Attempt == 0 && pod == nil && newest != nil {
		pod = newest
		r.say("Attempt %d has no log yet, this is the one of pod %s\n", CurrentAttempt(run), pod.Name)
	}
	started := startedContainers(pod)
	for _, name := range started {
		s := stream{reader: r, pod: pod, container: name, opts: opts, lines: newLines(r.Out, opts.Timestamps)}
		if _, err := s.once(ctx, false); err != nil {
			return fmt.Errorf("reading the log of container %s of pod %s: %w", name, pod.Name, err)
		}
	}
	if len(started) == 0 {
		return noLog(run, pod, opts.Attempt)
	}
	return nil
}

// Follow writes the log while it grows, from before the Pod exists until the run has its verdict,
// and returns the run as it then is. A run that is tried again is followed to its next attempt. It
// returns a *NoLogError when the run ended without a log.
func (r *Reader) Follow(ctx context.Context, run *v1alpha1.TestRun, opts Options) (*v1alpha1.TestRun, error) {
	if err := checkAttempt(run, opts.Attempt); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := watchRun(ctx, r.Client, run, r.say)
	if err != nil {
		return nil, err
	}
	printed := false
	for attempt := cmp.Or(opts.Attempt, CurrentAttempt(run)); ; attempt++ {
		some, err := r.copyAttempt(ctx, w, attempt, opts)
		if err != nil {
			return nil, err
		}
		printed = printed || some
		run, err := r.attemptEnd(ctx, w, attempt)
		if err != nil {
			return nil, err
		}
		if attempt < CurrentAttempt(run) {
			r.say("Attempt %d %s: following attempt %d\n", attempt, howItEnded(run, attempt), attempt+1)
			// What is to come is shown as a whole.
			opts.Tail, opts.Since = nil, 0
			continue
		}
		if run.Status.State.Finished() && !printed {
			return nil, &NoLogError{Run: run}
		}
		return run, nil
	}
}

// copyAttempt copies the log of one attempt to its end. It returns false when there was none.
func (r *Reader) copyAttempt(ctx context.Context, w *watcher, attempt int32, opts Options) (printed bool, err error) {
	for _, name := range []string{contract.FetchContainer, contract.RunnerContainer} {
		pod, err := r.untilStarted(ctx, w, attempt, name)
		if err != nil {
			return printed, err
		}
		if pod == nil {
			continue
		}
		printed = true
		s := stream{reader: r, watcher: w, attempt: attempt, pod: pod, container: name, opts: opts, lines: newLines(r.Out, opts.Timestamps)}
		err = s.copy(ctx)
		if apierrors.IsNotFound(err) {
			r.say("Pod %s is gone, and the rest of its log with it\n", pod.Name)
			return printed, nil
		}
		if err != nil {
			return printed, err
		}
		if name == contract.FetchContainer && cloneFailed(w.pod(attempt)) {
			break
		}
	}
	return printed, nil
}

// untilStarted waits until the container has started and returns its Pod. It returns nil for a
// container that the Pod does not have, and when the attempt has ended without it. It says what it
// waits for whenever that changes.
func (r *Reader) untilStarted(ctx context.Context, w *watcher, attempt int32, name string) (*corev1.Pod, error) {
	said := ""
	for {
		run, pod := w.run(), w.pod(attempt)
		if run == nil {
			return nil, ErrDeleted
		}
		ended := attemptEnded(run, attempt)
		if ended {
			// The two watches are not in step: the run can be seen to have ended before its Pod
			// is seen to have started.
			var err error
			if pod, err = r.surePod(ctx, w, run, attempt); err != nil {
				return nil, err
			}
		}
		if pod != nil && hasStarted(pod, name) {
			return pod, nil
		}
		if ended || pod != nil && !slices.Contains(containersOf(pod), name) {
			return nil, nil
		}
		if now := WaitingFor(run, pod); now != said {
			said = now
			r.say("Waiting for %s\n", now)
		}
		if err := w.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// surePod asks for the Pod of the attempt until the cluster has answered.
func (r *Reader) surePod(ctx context.Context, w *watcher, run *v1alpha1.TestRun, attempt int32) (*corev1.Pod, error) {
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		all, err := listPods(ctx, r.Client, run)
		if err == nil || apierrors.ReasonForError(err) != metav1.StatusReasonUnknown {
			return all[attempt], err
		}
		r.say("The cluster does not answer (%v): trying again\n", err)
		if err := w.changedWithin(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// attemptEnd waits for the manager to judge an attempt whose log has ended.
func (r *Reader) attemptEnd(ctx context.Context, w *watcher, attempt int32) (*v1alpha1.TestRun, error) {
	waiting, cancel := context.WithTimeout(ctx, verdictPause)
	defer cancel()
	for {
		run := w.run()
		if run == nil {
			return nil, ErrDeleted
		}
		if attemptEnded(run, attempt) {
			return run, nil
		}
		if err := w.wait(waiting); err != nil {
			return run, ctx.Err()
		}
	}
}

func cloneFailed(pod *corev1.Pod) bool {
	return pod == nil || hasFailed(pod, contract.FetchContainer)
}

func noLog(run *v1alpha1.TestRun, pod *corev1.Pod, attempt int32) error {
	if attempt > 0 && attemptEnded(run, attempt) || run.Status.State.Finished() {
		return &NoLogError{Run: run, Attempt: attempt}
	}
	return &NoLogError{Run: run, Attempt: attempt, WaitingFor: WaitingFor(run, pod)}
}

func startedContainers(pod *corev1.Pod) []string {
	if pod == nil {
		return nil
	}
	var started []string
	for _, name := range containersOf(pod) {
		if hasStarted(pod, name) {
			started = append(started, name)
		}
	}
	return started
}
