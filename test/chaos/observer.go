/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// observer sees every state of all Pods and runs in the order of the API server, and keeps what must never have been.
type observer struct {
	limit int
	plan  map[string]*planned

	mu   sync.Mutex
	pods map[types.UID]seenPod
	runs map[types.UID]*v1alpha1.TestRun
	// podsOf are all Pods that a run was ever seen with, killed those that chaos has deleted, and unnamed those of them that the
	// status of the run did not name yet, by the name of the run.
	podsOf, killed, unnamed map[string]map[types.UID]bool
	ends                    map[string]verdict
	mostAlive               int
	problems                map[string]bool
	managerKills            int
	serverKills             int
}

// seenPod is a Pod of a run that the API server has.
type seenPod struct {
	name, run string
	alive     bool
}

func newObserver(plan []*planned, limit int) *observer {
	o := &observer{
		limit: limit, plan: map[string]*planned{},
		pods: map[types.UID]seenPod{}, runs: map[types.UID]*v1alpha1.TestRun{},
		podsOf: map[string]map[types.UID]bool{}, killed: map[string]map[types.UID]bool{}, unnamed: map[string]map[types.UID]bool{},
		ends: map[string]verdict{}, problems: map[string]bool{},
	}
	for _, p := range plan {
		o.plan[p.run.Name] = p
	}
	return o
}

func (o *observer) problem(format string, args ...any) {
	o.problems[fmt.Sprintf(format, args...)] = true
}

// seePods takes the Pods in as they are now. With all, there are no others.
func (o *observer) seePods(all bool, pods ...*corev1.Pod) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if all {
		clear(o.pods)
	}
	for _, pod := range pods {
		run := pod.Labels[v1alpha1.LabelTestRun]
		if run == "" {
			continue
		}
		o.pods[pod.UID] = seenPod{name: pod.Name, run: run, alive: alive(pod)}
		add(o.podsOf, run, pod.UID)
	}
	o.judgePods()
}

func (o *observer) podGone(uid types.UID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.pods, uid)
}

// judgePods looks for what must not be at any moment.
func (o *observer) judgePods() {
	living := map[string][]string{}
	total := 0
	for _, pod := range o.pods {
		if pod.alive {
			living[pod.run] = append(living[pod.run], pod.name)
			total++
		}
	}
	o.mostAlive = max(o.mostAlive, total)
	if total > o.limit {
		o.problem("%d Pods of runs were alive at once, want at most %d", total, o.limit)
	}
	onTill := []string{}
	exclusive := false
	for run, pods := range living {
		if len(pods) > 1 {
			o.problem("%s had several live Pods at once: %v", run, slices.Sorted(slices.Values(pods)))
		}
		if p := o.plan[run]; p != nil && p.app == appTill {
			onTill = append(onTill, run)
			exclusive = exclusive || p.exclusive()
		}
	}
	if exclusive && len(onTill) > 1 {
		slices.Sort(onTill)
		o.problem("an exclusive run was not alone with its App: %v", onTill)
	}
}

// alive reports whether a container of the Pod runs or may still be started.
func alive(pod *corev1.Pod) bool {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return false
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name == contract.RunnerContainer && c.State.Terminated != nil {
			return false
		}
	}
	return true
}

// seeRuns takes the runs in as they are now. With all, there are no others.
func (o *observer) seeRuns(all bool, runs ...*v1alpha1.TestRun) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before := maps.Clone(o.runs)
	if all {
		clear(o.runs)
	}
	for _, run := range runs {
		o.runs[run.UID] = run
		o.judgeRun(before[run.UID], run)
	}
}

func (o *observer) runGone(uid types.UID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.runs, uid)
}

// judgeRun compares a run with what it was; before is nil if it was not seen before.
func (o *observer) judgeRun(before, run *v1alpha1.TestRun) {
	now := verdictOf(run)
	if run.Status.State.Finished() {
		o.ends[run.Name] = now
	}
	if before == nil {
		return
	}
	was := verdictOf(before)
	if before.Status.State.Finished() && was != now {
		o.problem("%s had ended as %v, and became %v", run.Name, was, now)
	}
	if run.Spec.Retries == 0 && was.state == v1alpha1.TestRunRunning && now.state == v1alpha1.TestRunPending {
		o.problem("%s was Running, and became Pending again", run.Name)
	}
}

func verdictOf(run *v1alpha1.TestRun) verdict { return verdict{run.Status.State, run.Status.Reason} }

func add(to map[string]map[types.UID]bool, run string, uid types.UID) {
	if to[run] == nil {
		to[run] = map[types.UID]bool{}
	}
	to[run][uid] = true
}

// violations are what must never have been, and was.
func (o *observer) violations() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(maps.Keys(o.problems))
}

// killing notes down that a Pod is about to be deleted.
func (o *observer) killing(pod victim) {
	o.mu.Lock()
	defer o.mu.Unlock()
	add(o.killed, pod.run, pod.uid)
	for _, run := range o.runs {
		if run.Name == pod.run && run.Status.PodName != pod.name {
			add(o.unnamed, pod.run, pod.uid)
		}
	}
}

// live returns the live Pods, in order.
func (o *observer) live() []victim {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []victim
	for uid, pod := range o.pods {
		if pod.alive {
			all = append(all, victim{uid, pod.name, pod.run})
		}
	}
	slices.SortFunc(all, func(a, b victim) int { return slices.Compare([]byte(a.name), []byte(b.name)) })
	return all
}

// victim is a Pod to delete.
type victim struct {
	uid       types.UID
	name, run string
}

// remaining returns the runs that have yet to end, or to go.
func (o *observer) remaining() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	there := map[string]bool{}
	for _, run := range o.runs {
		there[run.Name] = true
	}
	var names []string
	for name, p := range o.plan {
		_, ended := o.ends[name]
		if p.fate != deleted && !ended || p.fate == deleted && there[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
