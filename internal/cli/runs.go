/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
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
		runs, err := c.runs(ctx, &client.ListOptions{Namespace: c.Namespace})
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

// runs lists runs, the newest first.
func (c *Clients) runs(ctx context.Context, opts *client.ListOptions) (*v1alpha1.TestRunList, error) {
	var all *v1alpha1.TestRunList
	opts.Limit = pageSize
	for {
		var page v1alpha1.TestRunList
		if err := c.List(ctx, &page, opts); err != nil {
			return nil, err
		}
		if all == nil {
			all = &page
		} else {
			all.Items = append(all.Items, page.Items...)
		}
		if opts.Continue = page.Continue; opts.Continue == "" {
			break
		}
	}
	all.Continue, all.RemainingItemCount = "", nil
	slices.SortStableFunc(all.Items, func(a, b v1alpha1.TestRun) int {
		if byTime := b.CreationTimestamp.Compare(a.CreationTimestamp.Time); byTime != 0 {
			return byTime
		}
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return all, nil
}

// runNotFound explains an error, so that it does without the names when these can't be had.
func (c *Clients) runNotFound(ctx context.Context, name string) error {
	e := runNotFoundError{name: name, namespace: c.Namespace}
	runs, err := c.runs(ctx, &client.ListOptions{Namespace: c.Namespace})
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
