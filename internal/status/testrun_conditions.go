/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// setAdmitted sets Admitted, which is present from the first status on. True is good, and stays: a run doesn't give its
// slot back before it has ended.
func setAdmitted(s *v1alpha1.TestRunStatus, facts TestRunFacts) {
	admitted := metav1.Condition{
		Type:               v1alpha1.TestRunConditionAdmitted,
		Status:             metav1.ConditionFalse,
		Reason:             v1alpha1.ReasonQueued,
		Message:            waitsForSlot(facts),
		ObservedGeneration: s.ObservedGeneration,
		LastTransitionTime: metav1.NewTime(facts.Now),
	}
	if facts.Admitted || meta.IsStatusConditionTrue(s.Conditions, v1alpha1.TestRunConditionAdmitted) {
		admitted.Status = metav1.ConditionTrue
		admitted.Reason = v1alpha1.TestRunConditionAdmitted
		admitted.Message = "the run has a slot"
	}
	if admitted.Status == metav1.ConditionFalse && facts.Canceled {
		admitted.Reason, admitted.Message = v1alpha1.ReasonCanceled, "the run was canceled before it had a slot"
	}
	meta.SetStatusCondition(&s.Conditions, admitted)
}

// setComplete sets Complete, which is present from the first status on. True means that the run has ended, be it well or not.
func setComplete(s *v1alpha1.TestRunStatus, now time.Time) {
	complete := metav1.Condition{
		Type:               v1alpha1.TestRunConditionComplete,
		Status:             metav1.ConditionFalse,
		Reason:             s.Reason,
		Message:            s.Message,
		ObservedGeneration: s.ObservedGeneration,
		LastTransitionTime: metav1.NewTime(now),
	}
	if s.State.Finished() {
		complete.Status = metav1.ConditionTrue
	}
	meta.SetStatusCondition(&s.Conditions, complete)
}

func waitsForSlot(facts TestRunFacts) string {
	limits := fmt.Sprintf("at most %d runs have a slot at once", facts.Slots)
	if facts.NamespaceSlots > 0 {
		limits += fmt.Sprintf(", and at most %d in a namespace", facts.NamespaceSlots)
	}
	switch facts.Isolation {
	case v1alpha1.IsolationEphemeral:
	case v1alpha1.IsolationExclusive:
		limits += ", and this one needs its App for itself"
	default:
		limits += ", and none on an App that another one has for itself"
	}
	return "the run waits for its turn: " + limits + ". Those of a higher priority, and older ones, go first"
}
