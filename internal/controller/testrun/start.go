/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/internal/desired"
	"github.com/topas-dev/topas/internal/status"
)

// startRetry is how long to wait before a start that was refused is tried again.
const startRetry = 5 * time.Second

// backstopMargin is how long after the end that the cluster should have made of a run it is given up: the grace period of
// its Pod, and time for the kubelet to report.
const backstopMargin = 90 * time.Second

// mentionedApps is how many Apps a message names.
const mentionedApps = 10

// StartError is what an Execution returns when it can tell what a failed start means for the run.
type StartError interface {
	error
	// StartReason is one of the API's reasons. Final is true when it is of no use to try again.
	StartReason() (reason string, final bool)
}

// start brings the execution of an admitted run into being, and adds to the facts what comes of it. It is also right for a
// run of which an earlier manager had started the execution and not lived to record it.
func (r *Reconciler) start(ctx context.Context, run *v1alpha1.TestRun, facts *status.TestRunFacts) error {
	if facts.Now.Before(status.TestRunRetryTime(run.Status)) {
		return nil
	}
	app, err := r.findApp(ctx, types.NamespacedName{Namespace: run.Namespace, Name: run.Spec.AppName})
	if err != nil {
		return err
	}
	if app == nil {
		if facts.Seen.Stage == contract.StageAbsent {
			facts.Problem, err = r.appMissing(ctx, run)
		}
		return err
	}
	known := run.ResourceVersion
	if err := r.recordStart(ctx, run, facts, app); err != nil || facts.Problem != nil {
		return err
	}
	if run.ResourceVersion == known { // else the write has shown that nothing had changed
		if err := r.checkCurrent(ctx, run); err != nil {
			return err
		}
	}
	if facts.Problem, err = r.endFormerAttempt(ctx, run); err != nil || facts.Problem != nil {
		return err
	}
	if app, facts.Problem, err = r.takeApp(ctx, run, app); err != nil || facts.Problem != nil {
		return err
	}
	seen, err := r.Execution.Start(ctx, run, app)
	var failed StartError
	if errors.As(err, &failed) {
		reason, final := failed.StartReason()
		facts.Problem = &status.TestRunProblem{Reason: reason, Message: failed.Error(), Final: final}
		return nil
	}
	if err != nil {
		return fmt.Errorf("starting the run: %w", err)
	}
	facts.Seen = seen
	return nil
}

// recordStart writes down that the run has a slot, and what its copy of the App is called, before anything is made for it: the
// time from which its start counts, and what it is about to test, can't be found out later.
func (r *Reconciler) recordStart(ctx context.Context, run *v1alpha1.TestRun, facts *status.TestRunFacts, app *v1alpha1.App) error {
	named := run.Spec.Isolation != v1alpha1.IsolationEphemeral || run.Status.AppName != ""
	if named && meta.IsStatusConditionTrue(run.Status.Conditions, v1alpha1.TestRunConditionAdmitted) {
		return nil
	}
	if !named {
		name, err := desired.AppCopyName(run, app)
		if err != nil {
			facts.Problem = &status.TestRunProblem{Reason: v1alpha1.ReasonAppNotReady, Message: err.Error(), Final: true}
			return nil
		}
		facts.AppName = name
	}
	facts.AppVersions = versions(app)
	return r.record(ctx, run, status.TestRun(run, *facts))
}

// endFormerAttempt makes sure that nothing of the attempt before this one is alive. It returns a problem as long as something is.
func (r *Reconciler) endFormerAttempt(ctx context.Context, run *v1alpha1.TestRun) (*status.TestRunProblem, error) {
	if run.Status.Attempt() == 1 {
		return nil, nil
	}
	r.Queue.Hold(entry(run))
	former := entry(run)
	former.Attempt--
	seen, err := r.Execution.Observe(ctx, started(former))
	if err != nil || !seen.Alive {
		return nil, err
	}
	return &status.TestRunProblem{Reason: v1alpha1.ReasonStartFailed, Message: fmt.Sprintf("Pod %s of attempt %d has not ended yet", seen.Name, former.Attempt)},
		r.Execution.Stop(ctx, started(former))
}

// takeApp returns the App that the run works on, in the state that its isolation asks for.
func (r *Reconciler) takeApp(ctx context.Context, run *v1alpha1.TestRun, app *v1alpha1.App) (*v1alpha1.App, *status.TestRunProblem, error) {
	switch run.Spec.Isolation {
	case v1alpha1.IsolationExclusive:
		return app, nil, r.takeSnapshot(ctx, run, app)
	case v1alpha1.IsolationEphemeral:
		return r.makeCopy(ctx, run, app)
	default:
		return app, nil, nil
	}
}

// leaveApp undoes what takeApp and the test have done, at the end of an attempt. The snapshot of an exclusive run stays until
// its slot is free.
func (r *Reconciler) leaveApp(ctx context.Context, run *v1alpha1.TestRun) error {
	if _, err := r.restoreApp(ctx, entry(run)); err != nil {
		return err
	}
	return r.deleteCopy(ctx, run)
}

// checkCurrent makes sure that the cache has not shown an old state of a run that was started before: starting it again
// could make a second Pod.
func (r *Reconciler) checkCurrent(ctx context.Context, run *v1alpha1.TestRun) error {
	live := &v1alpha1.TestRun{}
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(run), live)
	if apierrors.IsNotFound(err) {
		return errOutdated
	}
	if err != nil {
		return fmt.Errorf("reading TestRun %s: %w", run.Name, err)
	}
	if live.UID != run.UID || live.DeletionTimestamp != nil || live.Spec.Cancel || live.Status.PodName != "" || live.Status.Attempt() != run.Status.Attempt() || live.Status.State.Finished() {
		return errOutdated
	}
	return nil
}

// findApp returns the App, or nil. An App that was applied together with its run may not be in the cache yet.
func (r *Reconciler) findApp(ctx context.Context, name types.NamespacedName) (*v1alpha1.App, error) {
	for _, reader := range []client.Reader{r.Client, r.Live} {
		app := &v1alpha1.App{}
		err := reader.Get(ctx, name, app)
		if err == nil {
			return app, nil
		}
		if !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("reading App %s: %w", name, err)
		}
	}
	return nil, nil
}

func (r *Reconciler) appMissing(ctx context.Context, run *v1alpha1.TestRun) (*status.TestRunProblem, error) {
	apps := &v1alpha1.AppList{}
	if err := r.Client.List(ctx, apps, client.InNamespace(run.Namespace)); err != nil {
		return nil, fmt.Errorf("listing the Apps of namespace %s: %w", run.Namespace, err)
	}
	message := fmt.Sprintf("App %q does not exist in namespace %s, %s", run.Spec.AppName, run.Namespace, namesOf(apps.Items))
	return &status.TestRunProblem{Reason: v1alpha1.ReasonAppNotFound, Message: message, Final: true}, nil
}

func namesOf(apps []v1alpha1.App) string {
	if len(apps) == 0 {
		return "which has no Apps"
	}
	names := make([]string, 0, len(apps))
	for _, app := range apps {
		names = append(names, app.Name)
	}
	slices.Sort(names)
	more := ""
	if len(names) > mentionedApps {
		more = fmt.Sprintf(" and %d more", len(names)-mentionedApps)
		names = names[:mentionedApps]
	}
	return "which has " + strings.Join(names, ", ") + more
}

func versions(app *v1alpha1.App) map[string]string {
	versions := make(map[string]string, len(app.Spec.Services))
	for _, service := range app.Spec.Services {
		versions[service.Name] = service.Version
	}
	return versions
}

// backstop is how long the script of a run may be seen running before it is given up.
func backstop(run *v1alpha1.TestRun) time.Duration {
	timeout, err := desired.TestRunTimeout(run)
	if err != nil {
		// The API server refuses such a timeout, and the execution refuses to start the run.
		timeout = desired.TestRunTimeoutDefault
	}
	return desired.TestRunPodDeadline(timeout) + backstopMargin
}
