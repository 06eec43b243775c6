/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// retryOptions are the flags of kctrl test retry.
type retryOptions struct {
	outcome
	name string
}

func newRetry(f *Factory, runF func(context.Context, *retryOptions) error) *cobra.Command {
	o := &retryOptions{outcome: newOutcome(f)}
	cmd := &cobra.Command{
		Use:   "retry NAME",
		Short: "Schedule a test once more",
		Long: `Schedule a test once more: make a TestRun with the spec of another one. @latest is the newest run of
the namespace.

The new run has the name of the old one and a number: upgrade-r1, then upgrade-r2. Its script, files
and parameters are those of the old run, as they were. A test that comes from git is cloned anew.`,
		Example: f.example(`  # Run the newest test again, and follow it
  kctrl test retry @latest --follow`),
		Args:              oneRun,
		ValidArgsFunction: f.completeRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			if err := o.complete(cmd); err != nil {
				return err
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return o.run(cmd.Context())
		},
	}
	o.addFlags(cmd)
	return cmd
}

func (o *retryOptions) run(ctx context.Context) error {
	c, err := o.factory.Clients()
	if err != nil {
		return err
	}
	before, err := c.run(ctx, o.name)
	if err != nil {
		return err
	}
	run, err := c.createAgain(ctx, before)
	if err != nil {
		return err
	}
	return o.of(ctx, c, run)
}

// createAgain makes a run like another one, of the next name that is free.
func (c *Clients) createAgain(ctx context.Context, before *v1alpha1.TestRun) (*v1alpha1.TestRun, error) {
	for name := nextName(before.Name); ; name = nextName(name) {
		run := again(before, name)
		err := c.Create(ctx, run, client.FieldOwner(fieldOwner))
		if apierrors.IsAlreadyExists(err) {
			continue
		}
		return run, err
	}
}

func again(before *v1alpha1.TestRun, name string) *v1alpha1.TestRun {
	run := &v1alpha1.TestRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: before.Namespace, Name: name, Labels: maps.Clone(before.Labels)},
		Spec:       *before.Spec.DeepCopy(),
	}
	run.Spec.Cancel = false
	if script := before.Annotations[v1alpha1.AnnotationScriptName]; script != "" {
		run.Annotations = map[string]string{v1alpha1.AnnotationScriptName: script}
	}
	return run
}

var numbered = regexp.MustCompile(`^(.+)-r([1-9][0-9]{0,5})$`)

// nextName counts: upgrade, upgrade-r1, upgrade-r2.
func nextName(name string) string {
	base, n := name, 0
	if parts := numbered.FindStringSubmatch(name); parts != nil {
		base = parts[1]
		n, _ = strconv.Atoi(parts[2])
	}
	ending := fmt.Sprintf("-r%d", n+1)
	return strings.TrimRight(base[:min(len(base), maxRunName-len(ending))], "-") + ending
}
