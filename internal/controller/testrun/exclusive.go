/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/desired"
	"github.com/topas-dev/topas/internal/queue"
)

// An exclusive run keeps a snapshot of its App from before its first Pod until after its last one. The snapshot is the run's
// lock on the App as well: as long as there is one the run has its slot, also if the run itself is gone and the manager is
// another one.

// takeSnapshot keeps what the App is like before an exclusive run changes it. The first snapshot of a run counts.
func (r *Reconciler) takeSnapshot(ctx context.Context, run *v1alpha1.TestRun, app *v1alpha1.App) error {
	current := &v1alpha1.App{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(app), current); err != nil {
		return fmt.Errorf("reading App %s: %w", app.Name, err)
	}
	snapshot, err := desired.AppSnapshot(run, current)
	if err != nil {
		return err
	}
	if err := r.Client.Create(ctx, snapshot); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("keeping a snapshot of App %s: %w", app.Name, err)
	}
	return nil
}

// restoreApp puts the App back as it was before an exclusive run, if it was changed, and returns the snapshot; nil if there is
// none.
func (r *Reconciler) restoreApp(ctx context.Context, run queue.Run) (*appsv1.ControllerRevision, error) {
	if !run.Exclusive {
		return nil, nil
	}
	snapshot := &appsv1.ControllerRevision{}
	key := types.NamespacedName{Namespace: run.Namespace, Name: desired.AppSnapshotName(run.Name, run.UID)}
	if err := r.Live.Get(ctx, key, snapshot); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading the snapshot %s: %w", key.Name, err)
	}
	before, err := desired.SnapshotSpec(snapshot)
	if err != nil {
		return nil, err
	}
	app := &v1alpha1.App{}
	err = r.Live.Get(ctx, types.NamespacedName{Namespace: run.Namespace, Name: run.App}, app)
	switch {
	case apierrors.IsNotFound(err):
		return snapshot, nil
	case err != nil:
		return nil, fmt.Errorf("reading App %s: %w", run.App, err)
	case !metav1.IsControlledBy(snapshot, app) || equality.Semantic.DeepEqual(app.Spec, before):
		return snapshot, nil
	}
	app.Spec = before
	err = r.Client.Update(ctx, app)
	if apierrors.IsInvalid(err) {
		// It will be refused as often as it is tried, and the run has to end.
		r.Events.Eventf(app, nil, corev1.EventTypeWarning, "RestoreFailed", "Restore",
			"The App can't be put back as it was before TestRun %s: %v", run.Name, err)
		return snapshot, nil
	}
	if err != nil {
		return nil, fmt.Errorf("putting App %s back as it was before TestRun %s: %w", app.Name, run.Name, err)
	}
	return snapshot, nil
}

// handBack gives the App of an exclusive run to the next one, as it was before.
func (r *Reconciler) handBack(ctx context.Context, run queue.Run) error {
	snapshot, err := r.restoreApp(ctx, run)
	if err != nil || snapshot == nil {
		return err
	}
	if err := r.Client.Delete(ctx, snapshot, client.Preconditions{UID: &snapshot.UID}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting the snapshot %s: %w", snapshot.Name, err)
	}
	return nil
}

// snapshotted returns the runs that have not handed their Apps back.
func (r *Reconciler) snapshotted(ctx context.Context) ([]queue.Run, error) {
	snapshots := &appsv1.ControllerRevisionList{}
	err := r.Live.List(ctx, snapshots,
		client.MatchingLabels{desired.LabelManagedBy: desired.ManagedBy, desired.LabelComponent: desired.ComponentSnapshot})
	if err != nil {
		return nil, fmt.Errorf("listing the snapshots of Apps: %w", err)
	}
	runs := make([]queue.Run, 0, len(snapshots.Items))
	for i := range snapshots.Items {
		snapshot := &snapshots.Items[i]
		runs = append(runs, queue.Run{
			NamespacedName: types.NamespacedName{Namespace: snapshot.Namespace, Name: snapshot.Labels[desired.LabelTestRun]},
			UID:            types.UID(snapshot.Annotations[desired.AnnotationRunUID]),
			App:            snapshot.Labels[desired.LabelApp],
			Exclusive:      true,
		})
	}
	return runs, nil
}
