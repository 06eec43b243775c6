/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/deployed"
)

// check compares what is there when all is over with what should be, and returns the differences.
func (w *world) check(ctx context.Context, plan []*planned, seen *observer) ([]string, error) {
	var problems []string
	if err := insist(ctx, "nothing is left over", func(ctx context.Context) error { return w.leftOver(ctx, seen) }); err != nil {
		problems = append(problems, err.Error())
	}
	if err := w.queueEmpty(ctx); err != nil {
		problems = append(problems, err.Error())
	}
	executions, err := w.executions(ctx)
	if err != nil {
		return nil, err
	}
	problems = append(problems, seen.violations()...)
	seen.mu.Lock()
	defer seen.mu.Unlock()
	for _, p := range plan {
		problems = append(problems, seen.compare(p, executions[p.run.Name])...)
	}
	return problems, nil
}

// leftOver returns an error as long as something is there that should have gone with the runs.
func (w *world) leftOver(ctx context.Context, seen *observer) error {
	if live := seen.live(); len(live) > 0 {
		return fmt.Errorf("live Pods: %v", live)
	}
	gone := map[string]bool{}
	for name, p := range seen.plan {
		gone[name] = p.fate == deleted
	}
	for _, list := range []client.ObjectList{&corev1.PodList{}, &corev1.ConfigMapList{}, &v1alpha1.TestRunList{}} {
		if err := w.cluster.List(ctx, list, client.InNamespace(w.namespace)); err != nil {
			return err
		}
		for _, object := range items(list) {
			run := object.GetLabels()[v1alpha1.LabelTestRun]
			if gone[run] || gone[object.GetName()] {
				return fmt.Errorf("%T %s of a deleted run", object, object.GetName())
			}
		}
	}
	return w.appsAsBefore(ctx)
}

func items(list client.ObjectList) []client.Object {
	var all []client.Object
	switch l := list.(type) {
	case *corev1.PodList:
		for i := range l.Items {
			all = append(all, &l.Items[i])
		}
	case *corev1.ConfigMapList:
		for i := range l.Items {
			all = append(all, &l.Items[i])
		}
	case *v1alpha1.TestRunList:
		for i := range l.Items {
			all = append(all, &l.Items[i])
		}
	}
	return all
}

// appsAsBefore returns an error if there is a copy of an App, a snapshot of one, or a change of an exclusive run.
func (w *world) appsAsBefore(ctx context.Context) error {
	apps := &v1alpha1.AppList{}
	if err := w.cluster.List(ctx, apps, client.InNamespace(w.namespace)); err != nil {
		return err
	}
	for _, app := range apps.Items {
		if app.Annotations[v1alpha1.AnnotationCopyOf] != "" {
			return fmt.Errorf("the copy %s of an App", app.Name)
		}
		if app.Name == appTill && !equality.Semantic.DeepEqual(app.Spec, w.till.Spec) {
			return fmt.Errorf("the App till is not as it was before the exclusive runs: %+v", app.Spec)
		}
	}
	snapshots := &appsv1.ControllerRevisionList{}
	if err := w.cluster.List(ctx, snapshots, client.InNamespace(w.namespace)); err != nil {
		return err
	}
	if len(snapshots.Items) > 0 {
		return fmt.Errorf("the snapshot %s of an App", snapshots.Items[0].Name)
	}
	return nil
}

// queueEmpty returns an error if the manager counts runs that are not there.
func (w *world) queueEmpty(ctx context.Context) (err error) {
	var scraper *deployed.Scraper
	err = insist(ctx, "the manager can be asked", func(ctx context.Context) (err error) {
		if err := (&faults{world: w}).managerWorks(ctx); err != nil {
			return err
		}
		scraper, err = deployed.NewScraper(ctx, w.cluster, w.namespace)
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scraper.Close(ctx, w.cluster, w.namespace)) }()
	return insist(ctx, "the manager counts no runs", func(ctx context.Context) error {
		metrics, err := scraper.Scrape(ctx)
		if err != nil {
			return err
		}
		for _, name := range []string{"topas_queue_depth", "topas_active_runners"} {
			if n, err := metrics.Value(name); err != nil || n != 0 {
				return errors.Join(fmt.Errorf("%s is %v", name, n), err)
			}
		}
		return nil
	})
}

// compare returns what is wrong with the end of a run whose script has begun that often.
func (o *observer) compare(p *planned, executed int) []string {
	name := p.run.Name
	attempts, killed := len(o.podsOf[name]), len(o.killed[name])
	var wrong []string
	end, ended := o.ends[name]
	if p.fate != deleted && !ended {
		wrong = append(wrong, name+" has not ended")
	} else if p.fate != deleted && !slices.Contains(allowed(p, killed), end) {
		wrong = append(wrong, fmt.Sprintf("%s ended as %v, want one of %v: %s", name, end, allowed(p, killed), o.message(name)))
	}
	// A Pod that is gone before the status names it can't be told from one that was never made, so the run begins again.
	again := len(o.unnamed[name])
	if most := 1 + min(killed, int(p.run.Spec.Retries)+again); attempts > most {
		wrong = append(wrong, fmt.Sprintf("%s had %d Pods, %d of which were deleted by chaos, want at most %d", name, attempts, killed, most))
	}
	if most := min(attempts, 1+int(p.run.Spec.Retries)+again); executed > most {
		wrong = append(wrong, fmt.Sprintf("the script of %s was executed %d times in %d Pods, want at most %d times", name, executed, attempts, most))
	}
	if judged := end.state == v1alpha1.TestRunPassed || end.state == v1alpha1.TestRunFailed; judged && executed == 0 {
		wrong = append(wrong, fmt.Sprintf("%s ended as %v, and its script was never executed", name, end))
	}
	return wrong
}

// allowed are the ends that a run may have had of whose Pods some were killed.
func allowed(p *planned, killed int) []verdict {
	good := []verdict{p.want}
	if killed == 0 {
		return good
	}
	if p.run.Spec.Retries > 0 && p.want == passed {
		good = append(good, retried)
	}
	if killed > int(p.run.Spec.Retries) {
		good = append(good, podGone, podEnded)
	}
	return good
}

func (o *observer) message(name string) string {
	for _, run := range o.runs {
		if run.Name == name {
			return run.Status.Message
		}
	}
	return ""
}

// describe says how runs stand.
func (o *observer) describe(names []string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	stands := map[string]string{}
	for _, run := range o.runs {
		stands[run.Name] = fmt.Sprintf("%v %s", verdictOf(run), run.Status.Message)
	}
	var all []string
	for _, name := range names {
		all = append(all, fmt.Sprintf("%s (%s)", name, stands[name]))
	}
	return strings.Join(all, ", ")
}

func (o *observer) count(of *int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	*of++
}

// report writes what has happened, and returns an error if something of it was wrong.
func (o *observer) report(out io.Writer, plan []*planned, problems []string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	pods, unnamed, again := 0, 0, 0
	for run, killed := range o.killed {
		pods += len(killed)
		unnamed += len(o.unnamed[run])
	}
	for _, of := range o.podsOf {
		again += len(of) - 1
	}
	ends := map[string]int{}
	for _, p := range plan {
		if p.fate == deleted {
			ends["deleted"]++
		} else {
			ends[o.ends[p.run.Name].String()]++
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d runs; the manager was killed %d times, the API server %d times, and %d Pods were deleted, %d of them before a status named them.\n",
		len(plan), o.managerKills, o.serverKills, pods, unnamed)
	fmt.Fprintf(&text, "At most %d Pods were alive at once, of %d allowed; %d Pods were those of later tries.\n", o.mostAlive, o.limit, again)
	for _, end := range slices.Sorted(maps.Keys(ends)) {
		fmt.Fprintf(&text, "%5d %s\n", ends[end], end)
	}
	for _, problem := range problems {
		fmt.Fprintf(&text, "WRONG: %s\n", problem)
	}
	if _, err := io.WriteString(out, text.String()); err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("%d things are not as they must be", len(problems))
	}
	return nil
}
