//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

// Whatever is wrong with a test, its run ends, and its status says what is wrong and where.
func TestBadTests(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	app := sampleApp(t, ns)
	create(t, app)
	untilReady(t, app)

	for _, tc := range []struct {
		name, reason string
		run          func(*topasv1alpha1.TestRun)
		script       string
		wantState    topasv1alpha1.TestRunState
		wantReason   string
		wantMessage  []string
	}{
		{
			name: "raises", reason: "an error that the script raises is a failure, with file and line",
			script:    "local x = 1\nerror('the order is lost')\n",
			wantState: topasv1alpha1.TestRunFailed, wantReason: topasv1alpha1.ReasonScriptError,
			wantMessage: []string{"raises.lua:2: the order is lost"},
		},
		{
			name: "asserts", reason: "a failed assertion is a failure, with file and line",
			script:    "local x = 1\nassert(x == 2)\n",
			wantState: topasv1alpha1.TestRunFailed, wantReason: topasv1alpha1.ReasonAssertionFailed,
			wantMessage: []string{"asserts.lua:2: assertion failed!"},
		},
		{
			name: "does-not-compile", reason: "a script that does not compile could not be judged",
			script:    "local x = 1\nif x then\n",
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonCompileError,
			wantMessage: []string{"does-not-compile.lua:"},
		},
		{
			name: "no-app", reason: "without its App a test could not be judged",
			script:    "print('never')",
			run:       func(r *topasv1alpha1.TestRun) { r.Spec.AppName = "mock-ap" },
			wantState: topasv1alpha1.TestRunError, wantReason: topasv1alpha1.ReasonAppNotFound,
			wantMessage: []string{"mock-ap", "mock-app"},
		},
		{
			name: "wrong-password", reason: "the database's refusal is shown with user and host, without the password",
			script:    "local db = require('db')\ndb.connect({ host = 'mock-app-db', user = 'admin', password = 'wr0ng', db = 'testdb' })\n",
			wantState: topasv1alpha1.TestRunFailed, wantReason: topasv1alpha1.ReasonScriptError,
			wantMessage: []string{"wrong-password.lua:2:", "password authentication failed", "admin"},
		},
		{
			name: "no-method", reason: "a gRPC method that does not exist is named, with those that do",
			script:    "local net = require('net')\nnet.grpc('echo', 'topas.EchoService/Ecko', { message = 'x' })\n",
			wantState: topasv1alpha1.TestRunFailed, wantReason: topasv1alpha1.ReasonScriptError,
			wantMessage: []string{"no-method.lua:2:", "Ecko", "Echo"},
		},
		{
			name: "no-collection", reason: "a Postman collection that is missing is named",
			script:    "local pm = require('postman')\npm.run({ collection = 'tests/missing.json' })\n",
			wantState: topasv1alpha1.TestRunFailed, wantReason: topasv1alpha1.ReasonScriptError,
			wantMessage: []string{"no-collection.lua:2:", "tests/missing.json"},
		},
		{
			name: "unknown-service", reason: "a service that the App does not have is named, with those that it has",
			script:    "local sut = require('sut')\nsut.wait_ready('fronted', '10s')\n",
			wantState: topasv1alpha1.TestRunFailed, wantReason: topasv1alpha1.ReasonScriptError,
			wantMessage: []string{"unknown-service.lua:2:", "fronted", "frontend"},
		},
		{
			name: "endless", reason: "a script that does not end is stopped, and the line at which it was is told",
			script:    "local n = 0\nwhile true do n = n + 1 end\n",
			run:       func(r *topasv1alpha1.TestRun) { r.Spec.Timeout = "2s" },
			wantState: topasv1alpha1.TestRunFailed, wantReason: topasv1alpha1.ReasonTimedOut,
			wantMessage: []string{"endless.lua:2: timed out after", "2s"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			run := testRun(ns, tc.name, tc.script)
			if tc.run != nil {
				tc.run(run)
			}
			create(t, run)
			untilFinished(t, run)
			if run.Status.State != tc.wantState || run.Status.Reason != tc.wantReason {
				t.Errorf("%s: ended as %s, want %s/%s", tc.reason, describeRun(run), tc.wantState, tc.wantReason)
			}
			stdout, stderr, code := kctrl(t, "test", "status", "-n", ns, tc.name)
			if wantCode := map[topasv1alpha1.TestRunState]int{topasv1alpha1.TestRunFailed: 1, topasv1alpha1.TestRunError: 2}[tc.wantState]; code != wantCode {
				t.Errorf("%s: kctrl test status exits with %d, want %d; stderr: %s", tc.reason, code, wantCode, stderr)
			}
			for _, want := range tc.wantMessage {
				if !strings.Contains(run.Status.Message, want) {
					t.Errorf("%s: the message does not contain %q: %s", tc.reason, want, run.Status.Message)
				}
				if !strings.Contains(stdout, want) {
					t.Errorf("%s: kctrl test status does not show %q:\n%s", tc.reason, want, stdout)
				}
			}
			if strings.Contains(run.Status.Message, "wr0ng") {
				t.Errorf("the message holds the password: %s", run.Status.Message)
			}
		})
	}
}

// A service image that can't be pulled shows in the App, and in the test that waits for it.
func TestServiceImageThatCannotBePulled(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	app := sampleApp(t, ns)
	app.Spec.Services[0].Version = "v0.0.0-missing"
	create(t, app)
	untilProblem(t, app, "the image is named", topasv1alpha1.AppReasonImagePull, []string{"echo:v0.0.0-missing"})
	if app.Status.Phase != topasv1alpha1.AppDegraded {
		t.Errorf("phase is %s, want %s", app.Status.Phase, topasv1alpha1.AppDegraded)
	}

	run := testRun(ns, "waits", "local sut = require('sut')\nsut.wait_ready('frontend', '5s')\n")
	create(t, run)
	untilFinished(t, run)
	if run.Status.State != topasv1alpha1.TestRunFailed || !strings.Contains(run.Status.Message, "waits.lua:2:") || !strings.Contains(run.Status.Message, "echo:v0.0.0-missing") {
		t.Errorf("the run ended as %s", describeRun(run))
	}
}

// The error of psql is in the App's status, and the services are not started on half a schema.
func TestInitSQLWithAnError(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	app := sampleApp(t, ns)
	app.Spec.Databases[0].InitSQL = "CREATE TABLE users (name text);\nCREATE TABEL orders (id int);\n"
	create(t, app)

	until(t, app, 3*time.Minute, "has failed", func(a *topasv1alpha1.App) bool { return a.Status.Phase == topasv1alpha1.AppFailed }, describeApp)
	c := meta.FindStatusCondition(app.Status.Conditions, topasv1alpha1.AppConditionSchemaReady)
	if c == nil || c.Reason != topasv1alpha1.AppReasonSchemaFailed || !strings.Contains(c.Message, `syntax error at or near "TABEL"`) {
		t.Errorf("the condition SchemaReady is %+v", c)
	}
	var services appsv1.DeploymentList
	if err := cluster.List(t.Context(), &services, client.InNamespace(ns)); err != nil {
		t.Fatal(err)
	}
	for _, d := range services.Items {
		if d.Name != "mock-app-db" {
			t.Errorf("Deployment %s was made before the schema", d.Name)
		}
	}

	// Corrected SQL brings the App up.
	change(t, app, func(spec *topasv1alpha1.AppSpec) { spec.Databases[0].InitSQL = usersSQL })
}

// A runner image that can't be pulled ends the run after the start deadline, in the kubelet's words.
func TestRunnerImageThatCannotBePulled(t *testing.T) {
	ns := namespace(t)
	create(t, sampleApp(t, ns))
	restore := setRunnerImage(t, "localhost/topas/runner:missing")
	run := testRun(ns, "unpullable", "print('never')")
	create(t, run)
	untilFinished(t, run)
	if run.Status.State != topasv1alpha1.TestRunError || run.Status.Reason != topasv1alpha1.ReasonImagePullFailed ||
		!strings.Contains(run.Status.Message, "localhost/topas/runner:missing") {
		t.Errorf("the run ended as %s", describeRun(run))
	}
	restore()
}

// setRunnerImage makes the manager start runs with another image, and returns what puts it back.
func setRunnerImage(t *testing.T, image string) (restore func()) {
	t.Helper()
	set := func(image string) string {
		var d appsv1.Deployment
		if err := cluster.Get(t.Context(), client.ObjectKey{Namespace: systemNamespace, Name: managerName}, &d); err != nil {
			t.Fatal(err)
		}
		before := d.DeepCopy()
		env := d.Spec.Template.Spec.Containers[0].Env
		i := indexOf(env, "RUNNER_IMAGE")
		old := env[i].Value
		env[i].Value = image
		if err := cluster.Patch(t.Context(), &d, client.StrategicMergeFrom(before)); err != nil {
			t.Fatal(err)
		}
		if err := managerReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		return old
	}
	old := set(image)
	return func() { set(old) }
}

func indexOf(env []corev1.EnvVar, name string) int {
	for i := range env {
		if env[i].Name == name {
			return i
		}
	}
	return -1
}
