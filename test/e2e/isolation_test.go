//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

// upgrades changes the App, which is put back for the next run.
const upgrades = `
local sut = require("sut")
sut.apply_service("echo", { version = "v1.1.0", replicas = 2 })
`

// echoApp makes an App of one service.
func echoApp(t *testing.T, ns string) *topasv1alpha1.App {
	t.Helper()
	app := sampleApp(t, ns)
	app.Spec.Databases, app.Spec.Services = nil, app.Spec.Services[1:]
	create(t, app)
	untilReady(t, app)
	return app
}

// exclusiveRun starts a run that has changed the App when it returns.
func exclusiveRun(t *testing.T, app *topasv1alpha1.App, name, script string) *topasv1alpha1.TestRun {
	t.Helper()
	run := testRun(app.Namespace, name, upgrades+script)
	run.Spec.Isolation = topasv1alpha1.IsolationExclusive
	begin(t, run)
	changed := current(t, app)
	if changed.Spec.Services[0].Version != "v1.1.0" {
		t.Errorf("the run has not changed the App: %+v", changed.Spec)
	}
	return run
}

func current(t *testing.T, app *topasv1alpha1.App) *topasv1alpha1.App {
	t.Helper()
	now := &topasv1alpha1.App{}
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(app), now); err != nil {
		t.Fatal(err)
	}
	return now
}

// checkBack fails unless the spec of the App is what it was.
func checkBack(t *testing.T, before *topasv1alpha1.App) {
	t.Helper()
	if diff := cmp.Diff(before.Spec, current(t, before).Spec); diff != "" {
		t.Errorf("the App after the run (-before +after):\n%s", diff)
	}
}

// noSnapshots waits until no run has the App for itself.
func noSnapshots(t *testing.T, ns string) {
	t.Helper()
	left := &appsv1.ControllerRevisionList{}
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := cluster.List(ctx, left, client.InNamespace(ns), client.HasLabels{topasv1alpha1.LabelTestRun})
		return len(left.Items) == 0, err
	})
	if err != nil {
		t.Errorf("waiting until there are no snapshots: %v; there are %d", err, len(left.Items))
	}
}

// The App is as it was after an exclusive run, however that ends; other runs wait for it.
func TestExclusive(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	before := echoApp(t, ns)

	for _, tc := range []struct {
		name, script string
		end          func(*testing.T, *topasv1alpha1.TestRun)
	}{
		{"fails", untilOpen + "error('the upgrade broke it')\n", func(t *testing.T, run *topasv1alpha1.TestRun) {
			openGate(t, ns)
			checkEnd(t, run, topasv1alpha1.TestRunFailed, topasv1alpha1.ReasonScriptError, "the upgrade broke it")
			checkBack(t, before)
		}},
		{"canceled", endless, func(t *testing.T, run *topasv1alpha1.TestRun) {
			cancel(t, run)
			checkEnd(t, run, topasv1alpha1.TestRunError, topasv1alpha1.ReasonCanceled)
			checkBack(t, before)
		}},
		{"deleted", endless, func(t *testing.T, run *topasv1alpha1.TestRun) {
			if err := cluster.Delete(t.Context(), run); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			run := exclusiveRun(t, before, tc.name, tc.script)
			next := testRun(ns, "after-"+tc.name, "assert(require('sut').status('echo').image:match(':v1.0.0$'))\n")
			create(t, next)
			until(t, next, time.Minute, "waits", func(r *topasv1alpha1.TestRun) bool {
				return r.Status.Reason == topasv1alpha1.ReasonQueued
			}, describeRun)
			tc.end(t, run)
			checkEnd(t, next, topasv1alpha1.TestRunPassed, topasv1alpha1.ReasonPassed)
			checkBack(t, before)
			noSnapshots(t, ns)
			untilReady(t, before)
		})
	}
}

// The App is put back also when the manager was killed during the run, and was not there at its end.
func TestExclusiveWithoutManager(t *testing.T) {
	noOtherManager(t)
	freshManager(t)
	ns := namespace(t)
	before := echoApp(t, ns)
	run := exclusiveRun(t, before, "unseen", untilOpen)
	killManager(t)
	restore := withoutManager(t)
	openGate(t, ns)
	until(t, podOf(run), time.Minute, "has ended", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded },
		func(p *corev1.Pod) string { return p.Status.String() })
	if version := current(t, before).Spec.Services[0].Version; version != "v1.1.0" {
		t.Errorf("somebody has put the App back to %s, and there is no manager", version)
	}
	restore()
	checkEnd(t, run, topasv1alpha1.TestRunPassed, topasv1alpha1.ReasonPassed)
	checkBack(t, before)
	noSnapshots(t, ns)
}

// noOtherManager waits until the Pods of the managers before this one are gone.
func noOtherManager(t *testing.T) {
	t.Helper()
	pods := &corev1.PodList{}
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := cluster.List(ctx, pods, client.InNamespace(systemNamespace), client.MatchingLabels{"control-plane": "controller-manager"})
		return len(pods.Items) == 1, err
	})
	if err != nil {
		t.Fatalf("waiting until there is one manager: %v; there are %d", err, len(pods.Items))
	}
}

// withoutManager takes the manager away, and returns what brings it back.
func withoutManager(t *testing.T) (restore func()) {
	t.Helper()
	pod := managerPod(t)
	scale := func(replicas int32) {
		d := &appsv1.Deployment{}
		if err := cluster.Get(context.Background(), client.ObjectKey{Namespace: systemNamespace, Name: managerName}, d); err != nil {
			t.Fatal(err)
		}
		before := d.DeepCopy()
		d.Spec.Replicas = &replicas
		if err := cluster.Patch(context.Background(), d, client.MergeFrom(before)); err != nil {
			t.Fatal(err)
		}
	}
	scale(0)
	restored := false
	restore = func() {
		if restored {
			return
		}
		restored = true
		scale(1)
		if err := managerReady(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(restore)
	gone(t, pod)
	return restore
}

// Two runs at once write to databases of their own; nothing is left of these, and the App's own was not touched. The test has
// the machine for itself: the copies must be ready within the short start deadline of test/e2e/config.
func TestEphemeral(t *testing.T) {
	ns := namespace(t)
	before := sampleApp(t, ns)
	before.Spec.Services = nil
	create(t, before)
	untilReady(t, before)
	kept := testRun(ns, "kept", `
local db = require("db")
db.connect()
db.seed({ table = "users", rows = { { name = "kept", role = "owner" } } })
`)
	create(t, kept)
	checkEnd(t, kept, topasv1alpha1.TestRunPassed, topasv1alpha1.ReasonPassed)

	runs := map[string]*topasv1alpha1.TestRun{}
	for _, name := range []string{"first", "second"} {
		run := testRun(ns, name, fmt.Sprintf(`
local db = require("db")
db.connect({ host = "mock-app-db" })
assert(#db.query("SELECT * FROM users") == 0, "the database is not new")
db.seed({ table = "users", rows = { { name = %q, role = "test" } } })
%s
local rows = db.query("SELECT name FROM users")
assert(#rows == 1 and rows[1].name == %q, "somebody else writes to this database")
`, name, untilOpen, name))
		run.Spec.Isolation = topasv1alpha1.IsolationEphemeral
		run.Spec.Retries = 5 // on a slow machine
		create(t, run)
		runs[name] = run
	}
	for _, run := range runs {
		until(t, run, 5*time.Minute, "runs or has ended", func(r *topasv1alpha1.TestRun) bool {
			return r.Status.State == topasv1alpha1.TestRunRunning || r.Status.State.Finished()
		}, describeRun)
		if run.Status.State.Finished() {
			t.Fatalf("%s ended too early, as %s", run.Name, describeRun(run))
		}
	}
	copies := map[string]bool{"mock-app": true, runs["first"].Status.AppName: true, runs["second"].Status.AppName: true}
	apps := &topasv1alpha1.AppList{}
	if err := cluster.List(t.Context(), apps, client.InNamespace(ns)); err != nil {
		t.Fatal(err)
	}
	for _, app := range apps.Items {
		if !copies[app.Name] {
			t.Errorf("there is an App %s", app.Name)
		}
	}
	if len(apps.Items) != 3 || len(copies) != 3 {
		t.Errorf("there are %d Apps, want the original and two copies, %v", len(apps.Items), copies)
	}
	openGate(t, ns)
	for _, run := range runs {
		appName := run.Status.AppName
		untilFinished(t, run)
		if run.Status.State != topasv1alpha1.TestRunPassed {
			t.Errorf("%s ended as %s", run.Name, describeRun(run))
		}
		// The copy goes before the verdict is written; what it consisted of goes after it.
		err := cluster.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: appName}, &topasv1alpha1.App{})
		if !apierrors.IsNotFound(err) {
			t.Errorf("the copy %s of the App is still there: %v", appName, err)
		}
		noPartsLeft(t, ns, appName)
	}

	after := testRun(ns, "after", `
local db = require("db")
db.connect()
local rows = db.query("SELECT name FROM users")
assert(#rows == 1 and rows[1].name == "kept", "the App's own database was touched")
`)
	create(t, after)
	checkEnd(t, after, topasv1alpha1.TestRunPassed, topasv1alpha1.ReasonPassed)
	checkBack(t, before)
}

// noPartsLeft waits until nothing is left of what an App consists of.
func noPartsLeft(t *testing.T, ns, app string) {
	t.Helper()
	database := &appsv1.Deployment{}
	database.Namespace, database.Name = ns, app+"-db"
	gone(t, database)
	pods := &corev1.PodList{}
	last := 0
	err := wait.PollUntilContextTimeout(t.Context(), 500*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		last = 0
		if err := cluster.List(ctx, pods, client.InNamespace(ns), client.MatchingLabels{topasv1alpha1.LabelApp: app}); err != nil {
			return false, err
		}
		for i := range pods.Items {
			if pods.Items[i].Labels[topasv1alpha1.LabelTestRun] == "" {
				last++
			}
		}
		return last == 0, nil
	})
	if err != nil {
		t.Errorf("%d Pods are left of App %s: %v", last, app, err)
	}
}

// A copy that does not become ready ends the run at the start deadline, with what the copy lacks.
func TestEphemeralCopyThatIsNotReady(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	app := sampleApp(t, ns)
	app.Spec.Databases, app.Spec.Services = nil, app.Spec.Services[1:]
	app.Spec.Services[0].Version = "v0.0.0-missing"
	create(t, app)
	run := testRun(ns, "waits", "print('never')\n")
	run.Spec.Isolation = topasv1alpha1.IsolationEphemeral
	create(t, run)
	checkEnd(t, run, topasv1alpha1.TestRunError, topasv1alpha1.ReasonAppNotReady, "did not start within 30s", "echo:v0.0.0-missing")
	apps := &topasv1alpha1.AppList{}
	if err := cluster.List(t.Context(), apps, client.InNamespace(ns)); err != nil {
		t.Fatal(err)
	}
	if len(apps.Items) != 1 {
		t.Errorf("there are %d Apps, want the original alone", len(apps.Items))
	}
}
