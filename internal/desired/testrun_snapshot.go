/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// ComponentSnapshot marks the snapshots of Apps that exclusive runs have.
const ComponentSnapshot = "snapshot"

// AnnotationRunUID on a snapshot is the UID of its run.
const AnnotationRunUID = "topas.dev/testrun-uid"

// AppSnapshot is the spec of an App at the beginning of an exclusive run, to be put back at its end. It belongs to the App and
// not to the run, which may be deleted before its end.
func AppSnapshot(run *v1alpha1.TestRun, app *v1alpha1.App) (*appsv1.ControllerRevision, error) {
	spec, err := json.Marshal(app.Spec)
	if err != nil {
		return nil, fmt.Errorf("encoding the spec of App %s: %w", app.Name, err)
	}
	labels := TestRunLabels(run.Name, app.Name)
	labels[LabelComponent] = ComponentSnapshot
	return &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Name:            AppSnapshotName(run.Name, run.UID),
			Namespace:       run.Namespace,
			Labels:          labels,
			Annotations:     map[string]string{AnnotationRunUID: string(run.UID)},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(app, v1alpha1.GroupVersion.WithKind("App"))},
		},
		Revision: app.Generation,
		Data:     runtime.RawExtension{Raw: spec},
	}, nil
}

// AppSnapshotName is another one for each run, also for one of the same name as an earlier one.
func AppSnapshotName(run string, uid types.UID) string { return run + "-" + hash(string(uid)) }

// SnapshotSpec is the spec that the snapshot holds.
func SnapshotSpec(snapshot *appsv1.ControllerRevision) (v1alpha1.AppSpec, error) {
	var spec v1alpha1.AppSpec
	if err := json.Unmarshal(snapshot.Data.Raw, &spec); err != nil {
		return spec, fmt.Errorf("decoding the snapshot %s: %w", snapshot.Name, err)
	}
	return spec, nil
}
