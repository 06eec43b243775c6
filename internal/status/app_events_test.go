/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

func TestAppEvents(t *testing.T) {
	state := func(phase v1alpha1.AppPhase, ready, schema metav1.Condition) v1alpha1.AppStatus {
		return v1alpha1.AppStatus{Phase: phase, Conditions: conditions(1, ready, schema, is("True", "x", ""))}
	}
	applied, rolling := is("True", "SchemaApplied", ""), is("False", "RollingOut", "0 of 1")
	ready := state(v1alpha1.AppReady, is("True", "AllReady", "all"), applied)
	failed := state(v1alpha1.AppFailed, is("False", "SchemaFailed", "psql"), is("False", "SchemaFailed", "psql"))
	crash := state(v1alpha1.AppDegraded, is("False", "CrashLoopBackOff", "exit code 1"), applied)
	lost := state(v1alpha1.AppDegraded, is("False", "ReplicasUnavailable", "0 of 1"), applied)

	for _, tc := range []struct {
		reason        string
		before, after v1alpha1.AppStatus
		want          []AppEvent
	}{
		{"a new App is on its way", v1alpha1.AppStatus{}, state(v1alpha1.AppProgressing, rolling, applied), nil},
		{"it became ready", state(v1alpha1.AppProgressing, rolling, applied), ready, []AppEvent{{"Normal", "AllReady", "Reconcile", "all"}}},
		{"it stays ready", ready, ready, nil},
		{"an upgrade begins", ready, state(v1alpha1.AppProgressing, rolling, applied), nil},
		{"a failed schema is told once", v1alpha1.AppStatus{}, failed, []AppEvent{{"Warning", "SchemaFailed", "ApplySchema", "psql"}}},
		{"it stays failed", failed, failed, nil},
		{"it crashes", ready, crash, []AppEvent{{"Warning", "CrashLoopBackOff", "Reconcile", "exit code 1"}}},
		{"it lost a Pod", ready, lost, []AppEvent{{"Warning", "ReplicasUnavailable", "Reconcile", "0 of 1"}}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, AppEvents(tc.before, tc.after)); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotesFitIntoAnEvent(t *testing.T) {
	for _, tc := range []struct{ reason, message string }{
		{"just fits", strings.Repeat("a", maxNote)},
		{"too long", strings.Repeat("a", maxNote+1)},
		{"characters of several bytes", "a" + strings.Repeat("€", maxNote)},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got := cutText(tc.message, maxNote)
			if len(got) > maxNote || len(got) < maxNote-4 || !utf8.ValidString(got) {
				t.Errorf("note has %d bytes, valid %v, want %d at most", len(got), utf8.ValidString(got), maxNote)
			}
		})
	}
}
