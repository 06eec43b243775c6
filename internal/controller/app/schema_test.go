/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/desired"
)

const psqlError = "psql:/sql/init.sql:1: ERROR:  syntax error at or near \"CRATE\"\nLINE 1: CRATE TABLE users (name text PRIMARY KEY);\n        ^\n"

func TestAFailedSchemaShowsWhatPsqlSaid(t *testing.T) {
	w := newWorld(t)
	spec := shop()
	spec.Databases[0].InitSQL = "CRATE TABLE users (name text PRIMARY KEY);"
	w.create(spec)
	w.startDatabase()
	job := w.schemaJob()
	begin := time.Now()
	w.psqlFailed(job, "try-1", "psql: error: connection refused", begin)
	w.eventually("wait for the error of the first try", func() error {
		status := w.condition(v1alpha1.AppConditionSchemaReady, metav1.ConditionFalse, v1alpha1.AppReasonSchemaPending)
		if want := "the schema is tried again: psql: error: connection refused"; status.Databases[0].Message != want {
			return fmt.Errorf("message is %q, want %q", status.Databases[0].Message, want)
		}
		return nil
	})

	w.psqlFailed(job, "try-2", psqlError, begin.Add(10*time.Second))
	w.failJob(job)
	status := w.condition(v1alpha1.AppConditionSchemaReady, metav1.ConditionFalse, v1alpha1.AppReasonSchemaFailed)
	want := `database "db": ` + strings.TrimSpace(psqlError)
	for _, c := range status.Conditions {
		if c.Message != want {
			t.Errorf("message of %s is %q, want %q", c.Type, c.Message, want)
		}
	}
	if status.Phase != v1alpha1.AppFailed || status.ReadyDatabases != "0/1" {
		t.Errorf("phase %s, databases %s, want Failed and 0/1", status.Phase, status.ReadyDatabases)
	}
	w.event(corev1.EventTypeWarning, v1alpha1.AppReasonSchemaFailed, want)
	w.quiet() // not tried for ever

	w.change(func(s *v1alpha1.AppSpec) { s.Databases[0].InitSQL = createUsers })
	next := w.schemaJob(job.Name)
	w.absent(job.Name, &batchv1.Job{})
	w.absent(job.Name, &corev1.ConfigMap{})
	w.completeJob(next)
	w.condition(v1alpha1.AppConditionSchemaReady, metav1.ConditionTrue, v1alpha1.AppReasonSchemaApplied)
	w.rollOut("shop-web")
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
	w.event(corev1.EventTypeNormal, v1alpha1.AppReasonReady, "every service and database runs as the spec says")
}

// event waits for an Event about the App "shop", and fails the test if it is there more than once.
func (w *world) event(kind, reason, note string) {
	w.Helper()
	w.eventually("wait for the Event "+reason, func() error {
		var list eventsv1.EventList
		w.must(w.List(w.Context(), &list, client.InNamespace(w.namespace)))
		found := 0
		for _, e := range list.Items {
			if e.Regarding.Name == "shop" && e.Type == kind && e.Reason == reason && e.Note == note {
				found++
			}
		}
		if found != 1 {
			return fmt.Errorf("%d of %d Events match, want 1: %+v", found, len(list.Items), list.Items)
		}
		return nil
	})
}

func TestChangedSQLWaitsForTheJobAtWork(t *testing.T) {
	w := newWorld(t)
	w.create(shop())
	w.startDatabase()
	old := w.schemaJob()

	w.change(func(s *v1alpha1.AppSpec) { s.Databases[0].InitSQL = "CREATE TABLE orders ();" })
	w.eventually("wait for the deletion of the old Job", func() error {
		w.must(w.get(old.Name, old))
		if old.DeletionTimestamp == nil {
			return errNotYet
		}
		return nil
	})
	w.settled()
	var jobs batchv1.JobList
	w.must(w.List(t.Context(), &jobs, client.InNamespace(w.namespace)))
	if len(jobs.Items) != 1 {
		t.Fatalf("%d Jobs work in the database at once, want 1", len(jobs.Items))
	}

	// The garbage collector has deleted the Job's Pods.
	old.Finalizers = nil
	w.must(w.Update(t.Context(), old))
	w.completeJob(w.schemaJob(old.Name))
	status := w.condition(v1alpha1.AppConditionSchemaReady, metav1.ConditionTrue, v1alpha1.AppReasonSchemaApplied)
	spec := v1alpha1.DatabaseSpec{InitSQL: "CREATE TABLE orders ();"}
	if got, want := status.Databases[0].SchemaHash, desired.SchemaHash(spec); got != want {
		t.Errorf("schemaHash is %q, want %q", got, want)
	}
}

func TestAnotherDatabasePodGetsTheSchemaToo(t *testing.T) {
	w := newWorld(t)
	_, pod := w.startShop()
	first := w.schemaJob()

	w.killPod(pod)
	w.startPod("shop-db", "shop-db-2", runningPod("10.0.0.2"))
	second := w.schemaJob(first.Name)
	if host := second.Spec.Template.Spec.Containers[0].Env[0]; host.Name != "PGHOST" || host.Value != "10.0.0.2" {
		t.Errorf("first variable of psql is %+v, want PGHOST with the address of the new Pod", host)
	}
	w.absent(first.Name, &batchv1.Job{})
	status := w.condition(v1alpha1.AppConditionSchemaReady, metav1.ConditionFalse, v1alpha1.AppReasonSchemaPending)
	if status.Phase != v1alpha1.AppDegraded {
		t.Errorf("phase is %s, want Degraded: the App was ready", status.Phase)
	}
	w.completeJob(second)
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
	w.quiet()
}

func TestAnAppWithoutSQLHasNoSchema(t *testing.T) {
	w := newWorld(t)
	spec := shop()
	spec.Databases[0].InitSQL = ""
	w.create(spec)
	w.startDatabase()
	w.rollOut("shop-web")
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
	w.condition(v1alpha1.AppConditionSchemaReady, metav1.ConditionTrue, v1alpha1.AppReasonNoSchema)
	w.noJobs()
}
