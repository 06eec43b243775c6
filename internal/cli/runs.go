/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

const (
	// latest stands for the newest run in place of a name.
	latest = "@latest"
	// suggestions is how many names an error lists.
	suggestions = 5
	// pageSize is how many runs are asked for at once.
	pageSize = 500
)

// runNotFoundError names a run that is not there, and some that are.
type runNotFoundError struct {
	name, namespace string
	// near are names like the one that was given, recent those of the newest runs.
	near, recent []string
}

func (e runNotFoundError) Error() string {
	what := fmt.Sprintf("testrun %q is not there in namespace %q", e.name, e.namespace)
	if e.name == latest {
		what = fmt.Sprintf("there is no testrun in namespace %q", e.namespace)
	}
	switch {
	case len(e.near) > 0:
		return fmt.Sprintf("%s: did you mean %s?", what, strings.Join(e.near, " or "))
	case len(e.recent) > 0:
		return fmt.Sprintf("%s\nThe most recent ones are: %s\nChoose another namespace with -n", what, strings.Join(e.recent, ", "))
	}
	return what + "\nChoose another namespace with -n; 'test status -A' lists the runs of all of them"
}

// run returns the run of that name, or a runNotFoundError.
func (c *Clients) run(ctx context.Context, name string) (*v1alpha1.TestRun, error) {
	if name == latest {
		runs, _, err := c.newest(ctx, &client.ListOptions{Namespace: c.Namespace}, 1, dropNothing)
		if err != nil {
			return nil, err
		}
		if len(runs.Items) == 0 {
			return nil, runNotFoundError{name: name, namespace: c.Namespace}
		}
		return &runs.Items[0], nil
	}
	run := &v1alpha1.TestRun{}
	err := c.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: name}, run)
	if status, ok := err.(apierrors.APIStatus); ok && apierrors.IsNotFound(err) && !isMissingKind(status.Status()) {
		return nil, c.runNotFound(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	return run, nil
}

// newest lists the n newest runs, the newest first, and counts them all. An n of 0 is for all of them. What drop takes out of a run
// is gone before the next page is read: thousands of scripts need more memory than a list has.
func (c *Clients) newest(ctx context.Context, opts *client.ListOptions, n int, drop func(*v1alpha1.TestRun)) (all *v1alpha1.TestRunList, total int, err error) {
	opts.Limit = pageSize
	for {
		var page v1alpha1.TestRunList
		if err := c.List(ctx, &page, opts); err != nil {
			return nil, 0, err
		}
		total += len(page.Items)
		for i := range page.Items {
			drop(&page.Items[i])
		}
		if all == nil {
			all = &v1alpha1.TestRunList{TypeMeta: page.TypeMeta, ListMeta: page.ListMeta}
		}
		all.Items = newestOf(append(all.Items, page.Items...), n)
		if opts.Continue = page.Continue; opts.Continue == "" {
			break
		}
	}
	all.Continue, all.RemainingItemCount = "", nil
	return all, total, nil
}

// dropSource takes out what no table shows.
func dropSource(run *v1alpha1.TestRun) {
	run.ManagedFields, run.Spec.Script, run.Spec.Files, run.Status.CaseResults = nil, "", nil, nil
}

func dropNothing(*v1alpha1.TestRun) {}

// newestOf sorts runs and leaves out all but the first n; an n of 0 is for all. What is left out is not held by what is returned.
func newestOf(runs []v1alpha1.TestRun, n int) []v1alpha1.TestRun {
	slices.SortStableFunc(runs, func(a, b v1alpha1.TestRun) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name))
	})
	if n == 0 || len(runs) <= n {
		return runs
	}
	return slices.Clone(runs[:n])
}

// runNotFound explains an error, so that it does without the names when these can't be had.
func (c *Clients) runNotFound(ctx context.Context, name string) error {
	e := runNotFoundError{name: name, namespace: c.Namespace}
	runs, _, err := c.newest(ctx, &client.ListOptions{Namespace: c.Namespace}, 0, dropSource)
	if err != nil {
		return e
	}
	var all []string
	for _, run := range runs.Items {
		all = append(all, run.Name)
	}
	e.near, e.recent = near(name, all), all[:min(len(all), suggestions)]
	return e
}
