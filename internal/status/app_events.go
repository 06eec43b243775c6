/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// maxNote is the longest note that the API server takes in an Event, in bytes.
const maxNote = 1024

// AppEvent is what a person would want to know about an App.
type AppEvent struct {
	// Type is Normal or Warning.
	Type   string
	Reason string
	// Action is what the controller did when it saw it.
	Action string
	Note   string
}

// AppEvents are the transitions from one status to the next: the App became ready or ceased to be, or a schema failed.
func AppEvents(before, after v1alpha1.AppStatus) []AppEvent {
	var events []AppEvent
	if c := turned(before, after, v1alpha1.AppConditionSchemaReady); c != nil && c.Reason == v1alpha1.AppReasonSchemaFailed {
		events = append(events, AppEvent{corev1.EventTypeWarning, c.Reason, "ApplySchema", cutText(c.Message, maxNote)})
	}
	c := turned(before, after, v1alpha1.AppConditionReady)
	switch {
	case c == nil:
	case c.Status == metav1.ConditionTrue:
		events = append(events, AppEvent{corev1.EventTypeNormal, c.Reason, "Reconcile", cutText(c.Message, maxNote)})
	// A new App is on its way, and a failed schema has been told.
	case !passes(c.Reason) && c.Reason != v1alpha1.AppReasonSchemaFailed,
		meta.IsStatusConditionTrue(before.Conditions, c.Type) && after.Phase == v1alpha1.AppDegraded:
		events = append(events, AppEvent{corev1.EventTypeWarning, c.Reason, "Reconcile", cutText(c.Message, maxNote)})
	}
	return events
}

// turned returns the condition if its status or reason is another than before.
func turned(before, after v1alpha1.AppStatus, kind string) *metav1.Condition {
	was, is := meta.FindStatusCondition(before.Conditions, kind), meta.FindStatusCondition(after.Conditions, kind)
	if is == nil || (was != nil && was.Status == is.Status && was.Reason == is.Reason) {
		return nil
	}
	return is
}
