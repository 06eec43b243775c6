/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// endTimeout is how long a run or Pod may take.
const endTimeout = 2 * time.Minute

// subject is what is measured: runs or bare Pods.
type subject struct {
	kind    string
	cluster client.Client
	make    func(name string) client.Object

	mu sync.Mutex
	// awaited are those that are under way, by name.
	awaited map[string]chan end
	// present are all that there are, by name, and whether they have ended.
	present map[string]bool
}

// end is when one has ended; Problem is what it ended as, if not well.
type end struct {
	at      time.Time
	problem string
}

// newSubject watches until ctx ends, for all that is made: a watch of its own for each would be part of the cost.
func (b *bench) newSubject(ctx context.Context, kind string, list client.ObjectList, makeOne func(string) client.Object) (*subject, error) {
	s := &subject{kind: kind, cluster: b.cluster, make: makeOne, awaited: map[string]chan end{}, present: map[string]bool{}}
	events, err := b.cluster.Watch(ctx, list, client.InNamespace(b.namespace))
	if err != nil {
		return nil, fmt.Errorf("watching %ss: %w", kind, err)
	}
	go func() {
		for event := range events.ResultChan() {
			s.see(event)
		}
	}()
	return s, nil
}

func (s *subject) see(event watch.Event) {
	now := time.Now()
	object, ok := event.Object.(client.Object)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if event.Type == watch.Deleted {
		delete(s.present, object.GetName())
		return
	}
	ended, problem := outcome(object)
	s.present[object.GetName()] = ended
	if waiting, ok := s.awaited[object.GetName()]; ok && ended {
		waiting <- end{now, problem}
		delete(s.awaited, object.GetName())
	}
}

// those returns the names of those that there are, and either have ended or have not.
func (s *subject) those(ended bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name, has := range s.present {
		if has == ended {
			names = append(names, name)
		}
	}
	return names
}

// outcome reports whether a run or Pod has ended, and as what if not well.
func outcome(object client.Object) (ended bool, problem string) {
	switch o := object.(type) {
	case *v1alpha1.TestRun:
		if o.Status.State.Finished() && o.Status.State != v1alpha1.TestRunPassed {
			problem = fmt.Sprintf("%s/%s: %s", o.Status.State, o.Status.Reason, o.Status.Message)
		}
		return o.Status.State.Finished(), problem
	case *corev1.Pod:
		if o.Status.Phase == corev1.PodFailed {
			return true, "Failed: " + o.Status.String()
		}
		return o.Status.Phase == corev1.PodSucceeded, ""
	default:
		return false, ""
	}
}

// toEnd makes one, and returns how long it took from its creation until its end was seen.
func (s *subject) toEnd(ctx context.Context, name string) (time.Duration, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, endTimeout, fmt.Errorf("it has not ended after %s", endTimeout))
	defer cancel()
	ended := make(chan end, 1)
	s.mu.Lock()
	s.awaited[name] = ended
	s.mu.Unlock()
	start := time.Now()
	if err := s.cluster.Create(ctx, s.make(name)); err != nil {
		return 0, fmt.Errorf("making %s %s: %w", s.kind, name, err)
	}
	select {
	case e := <-ended:
		if e.problem != "" {
			return 0, fmt.Errorf("%s %s ended as %s", s.kind, name, e.problem)
		}
		return e.at.Sub(start), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("waiting for %s %s: %w", s.kind, name, context.Cause(ctx))
	}
}

// manyToEnd makes n of them, atOnce of which are under way at any time, and returns how long all took together.
func (s *subject) manyToEnd(ctx context.Context, prefix string, n, atOnce int) (time.Duration, error) {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	numbers := make(chan int)
	var workers sync.WaitGroup
	start := time.Now()
	for range atOnce {
		workers.Go(func() {
			for i := range numbers {
				if _, err := s.toEnd(ctx, fmt.Sprintf("%s-%02d", prefix, i)); err != nil {
					fail(err)
				}
			}
		})
	}
	for i := range n {
		numbers <- i
	}
	close(numbers)
	workers.Wait()
	return time.Since(start), context.Cause(ctx)
}
