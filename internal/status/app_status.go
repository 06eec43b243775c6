/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// gravest are the reasons for which an App is not ready: what a person has to mend comes before what passes.
var gravest = []string{
	v1alpha1.AppReasonApplyFailed,
	v1alpha1.AppReasonSchemaFailed,
	v1alpha1.AppReasonImagePull,
	v1alpha1.AppReasonCrashLoop,
	v1alpha1.AppReasonUnschedulable,
	v1alpha1.AppReasonQuotaExceeded,
	v1alpha1.AppReasonServiceNotReady,
	v1alpha1.AppReasonReplicasUnavailable,
	v1alpha1.AppReasonDatabaseNotReady,
	v1alpha1.AppReasonSchemaPending,
	v1alpha1.AppReasonRollingOut,
}

func gravity(reason string) int { return slices.Index(gravest, reason) }

// passes reports whether a problem goes away as soon as the cluster has done its work.
func passes(reason string) bool {
	return gravity(reason) >= gravity(v1alpha1.AppReasonDatabaseNotReady)
}

// namedProblem is the problem of one part of the App, or of the App itself when part is empty.
type namedProblem struct {
	part string
	problem
}

// App returns the status of an App of which this was seen. Previous is the status that it had, for the times of
// transitions and for what has been.
func App(previous v1alpha1.AppStatus, o AppObservation) v1alpha1.AppStatus {
	s := v1alpha1.AppStatus{
		ObservedGeneration: o.Generation,
		Conditions:         slices.Clone(previous.Conditions),
	}
	var problems []namedProblem
	if o.Refused != "" {
		problems = append(problems, namedProblem{"", problem{v1alpha1.AppReasonApplyFailed, o.Refused}})
	}
	readyDatabases, readyServices := 0, 0
	for _, d := range o.Databases {
		found := databaseProblem(d)
		s.Databases = append(s.Databases, databaseStatus(previous, d, found))
		if found.reason == "" {
			readyDatabases++
			continue
		}
		problems = append(problems, namedProblem{fmt.Sprintf("database %q: ", d.Name), found})
	}
	for _, w := range o.Services {
		found := serviceProblem(w)
		s.Services = append(s.Services, serviceStatus(w, found))
		if found.reason == "" {
			readyServices++
			continue
		}
		// What a service waits for is told already.
		if !w.Held || len(problems) == 0 {
			problems = append(problems, namedProblem{fmt.Sprintf("service %q: ", w.Name), found})
		}
	}
	s.ReadyDatabases = fmt.Sprintf("%d/%d", readyDatabases, len(o.Databases))
	s.ReadyServices = fmt.Sprintf("%d/%d", readyServices, len(o.Services))

	reason, message := summary(problems)
	s.Phase = appPhase(previous, o, reason)
	if s.Phase == v1alpha1.AppDegraded && reason == v1alpha1.AppReasonRollingOut {
		// Nothing new is rolled out: what was there is missing.
		reason = v1alpha1.AppReasonReplicasUnavailable
	}
	setAppConditions(&s, o, reason, message, stuck(problems))
	return s
}

func databaseProblem(d DatabaseObservation) problem {
	found := workloadProblem(d.Workload)
	switch found.reason {
	case "":
		return schemaProblem(d.Schema)
	case v1alpha1.AppReasonRollingOut:
		found.reason = v1alpha1.AppReasonDatabaseNotReady
	}
	return found
}

func databaseStatus(previous v1alpha1.AppStatus, d DatabaseObservation, found problem) v1alpha1.DatabaseStatus {
	s := v1alpha1.DatabaseStatus{
		Name:    d.Name,
		Address: d.Address,
		Ready:   found.reason == "",
		Message: found.message,
	}
	if d.Schema == nil {
		return s
	}
	if d.Schema.Applied() {
		s.SchemaHash = d.Schema.Hash
		return s
	}
	for _, p := range previous.Databases {
		if p.Name == d.Name {
			s.SchemaHash = p.SchemaHash
		}
	}
	return s
}

func serviceProblem(w ServiceObservation) problem {
	if w.Held && w.Refused == "" {
		return problem{v1alpha1.AppReasonSchemaPending, "waits for the databases and their schemas"}
	}
	return workloadProblem(w.Workload)
}

func serviceStatus(w ServiceObservation, found problem) v1alpha1.ServiceStatus {
	s := v1alpha1.ServiceStatus{
		Name:            w.Name,
		DesiredReplicas: w.desiredReplicas(),
		ReadyReplicas:   w.readyReplicas(),
		Address:         w.Address,
		Ready:           found.reason == "",
		Message:         found.message,
	}
	if w.Deployment != nil {
		s.Image = rolledOutImage(w.Workload)
	}
	return s
}

// rolledOutImage is the image in the Deployment: the wanted one if it is there, else that of the last rollout.
func rolledOutImage(w Workload) string {
	containers := w.Deployment.Spec.Template.Spec.Containers
	for _, c := range containers {
		if c.Image == w.Image {
			return c.Image
		}
	}
	if len(containers) == 0 {
		return ""
	}
	return containers[0].Image
}

// mentioned is how many problems a message tells; the others are in status.services and status.databases.
const mentioned = 3

// summary returns the gravest reason, and a message that begins with it. Both are empty without problems.
func summary(problems []namedProblem) (reason, message string) {
	if len(problems) == 0 {
		return "", ""
	}
	ordered := slices.SortedStableFunc(slices.Values(problems), func(a, b namedProblem) int {
		return cmp.Compare(gravity(a.reason), gravity(b.reason))
	})
	var texts []string
	for _, p := range ordered[:min(len(ordered), mentioned)] {
		texts = append(texts, p.part+p.message)
	}
	message = strings.Join(texts, "; ")
	if left := len(ordered) - mentioned; left > 0 {
		message += fmt.Sprintf("; and %d more", left)
	}
	return ordered[0].reason, message
}

func appPhase(previous v1alpha1.AppStatus, o AppObservation, reason string) v1alpha1.AppPhase {
	switch {
	case reason == "":
		return v1alpha1.AppReady
	case slices.ContainsFunc(o.Databases, func(d DatabaseObservation) bool { return d.Schema != nil && d.Schema.Failed() }):
		return v1alpha1.AppFailed
	case !passes(reason):
		return v1alpha1.AppDegraded
	case !o.hasDeployments():
		return v1alpha1.AppPending
	case previous.ObservedGeneration == o.Generation &&
		(previous.Phase == v1alpha1.AppReady || previous.Phase == v1alpha1.AppDegraded):
		return v1alpha1.AppDegraded
	default:
		return v1alpha1.AppProgressing
	}
}

func (o AppObservation) hasDeployments() bool {
	return slices.ContainsFunc(o.Databases, func(d DatabaseObservation) bool { return d.Deployment != nil }) ||
		slices.ContainsFunc(o.Services, func(s ServiceObservation) bool { return s.Deployment != nil })
}

func setAppConditions(s *v1alpha1.AppStatus, o AppObservation, reason, message string, stuck bool) {
	ready := metav1.Condition{Type: v1alpha1.AppConditionReady, Status: metav1.ConditionFalse, Reason: reason, Message: message}
	progressing := metav1.Condition{Type: v1alpha1.AppConditionProgressing, Status: metav1.ConditionFalse, Reason: reason, Message: message}
	switch {
	case reason == "":
		ready.Status, ready.Reason = metav1.ConditionTrue, v1alpha1.AppReasonReady
		ready.Message = "every service and database runs as the spec says"
		progressing.Reason, progressing.Message = v1alpha1.AppReasonRolledOut, "nothing is on its way"
	case !stuck:
		progressing.Status = metav1.ConditionTrue
	}
	for _, c := range []metav1.Condition{ready, schemaCondition(o), progressing} {
		c.ObservedGeneration = o.Generation
		c.LastTransitionTime = o.Now
		meta.SetStatusCondition(&s.Conditions, c)
	}
}

// stuck reports whether a problem needs somebody to mend it.
func stuck(problems []namedProblem) bool {
	return slices.ContainsFunc(problems, func(p namedProblem) bool { return !passes(p.reason) })
}

func schemaCondition(o AppObservation) metav1.Condition {
	c := metav1.Condition{
		Type:    v1alpha1.AppConditionSchemaReady,
		Status:  metav1.ConditionTrue,
		Reason:  v1alpha1.AppReasonNoSchema,
		Message: "no database has initSQL",
	}
	var problems []namedProblem
	for _, d := range o.Databases {
		if d.Schema == nil {
			continue
		}
		c.Reason, c.Message = v1alpha1.AppReasonSchemaApplied, "every database has its schema"
		if found := schemaProblem(d.Schema); found.reason != "" {
			problems = append(problems, namedProblem{fmt.Sprintf("database %q: ", d.Name), found})
		}
	}
	if reason, message := summary(problems); reason != "" {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, reason, message
	}
	return c
}
