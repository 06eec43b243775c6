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

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

// Whatever keeps an App from being ready on a real node is said by its condition, and a corrected spec makes it ready.
func TestProblemsOfAnApp(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	for _, tc := range []struct {
		name, reason string
		service      topasv1alpha1.ServiceSpec
		database     *topasv1alpha1.DatabaseSpec
		wantReason   string
		wantMessage  []string
	}{
		{
			name: "crashes", reason: "the exit code and what the service printed last say why it ends",
			service:     scriptService("web", "console.log('starting'); console.error('no config at /etc/web'); process.exit(3)"),
			wantReason:  topasv1alpha1.AppReasonCrashLoop,
			wantMessage: []string{`service "web"`, "exit code 3", "no config at /etc/web"},
		},
		{
			name: "no-program", reason: "an entry point that the image does not have is named",
			service:     topasv1alpha1.ServiceSpec{Command: []string{"/missing"}},
			wantReason:  topasv1alpha1.AppReasonCrashLoop,
			wantMessage: []string{"/missing", "no such file"},
		},
		{
			name: "too-large", reason: "the scheduler's words say what the node lacks",
			service: topasv1alpha1.ServiceSpec{Resources: &topasv1alpha1.Resources{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1000")},
			}},
			wantReason:  topasv1alpha1.AppReasonUnschedulable,
			wantMessage: []string{"Insufficient cpu"},
		},
		{
			name: "never-ready", reason: "a probe that is not passed is named",
			service:     topasv1alpha1.ServiceSpec{Readiness: &topasv1alpha1.Readiness{HTTPPath: "/nowhere"}},
			wantReason:  topasv1alpha1.AppReasonRollingOut,
			wantMessage: []string{"has not passed its readiness probe (GET /nowhere on port 8080)"},
		},
		{
			name: "no-grpc", reason: "so is that of a service that does not speak gRPC",
			service: func() topasv1alpha1.ServiceSpec {
				s := scriptService("web", pageScript)
				s.Readiness = &topasv1alpha1.Readiness{GRPC: true}
				return s
			}(),
			wantReason:  topasv1alpha1.AppReasonRollingOut,
			wantMessage: []string{"has not passed its readiness probe (gRPC health check on port 8080)"},
		},
		{
			name: "no-secret", reason: "a Secret that is not there is named",
			service:     topasv1alpha1.ServiceSpec{EnvFrom: []corev1.EnvFromSource{fromSecret("", "missing")}},
			wantReason:  topasv1alpha1.AppReasonServiceNotReady,
			wantMessage: []string{`secret "missing" not found`},
		},
		{
			name: "as-root", reason: "an image that wants to run as root is refused by the node",
			service:     topasv1alpha1.ServiceSpec{Image: "localhost/topas/postgres", Version: "15"},
			wantReason:  topasv1alpha1.AppReasonServiceNotReady,
			wantMessage: []string{"runAsNonRoot"},
		},
		{
			name: "no-login", reason: "so is the Secret of a database's credentials",
			database: &topasv1alpha1.DatabaseSpec{
				CredentialsSecretRef: &topasv1alpha1.SecretReference{Name: "no-login"},
			},
			wantReason:  topasv1alpha1.AppReasonServiceNotReady,
			wantMessage: []string{`database "db"`, `secret "no-login" not found`},
		},
		{
			name: "no-volume", reason: "a volume that nobody has is waited for",
			database: &topasv1alpha1.DatabaseSpec{
				Credentials: map[string]string{"user": "admin", "password": "x", "dbname": "testdb"},
				Storage:     &topasv1alpha1.Storage{Size: "1Gi", StorageClassName: new(string)},
			},
			wantReason:  topasv1alpha1.AppReasonUnschedulable,
			wantMessage: []string{`database "db"`, "PersistentVolumeClaim"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			app := &topasv1alpha1.App{}
			app.Namespace, app.Name = ns, tc.name
			good := topasv1alpha1.ServiceSpec{Name: "web", Image: "localhost/topas/echo", Version: "v1.0.0", Port: 8080}
			if tc.database != nil {
				tc.database.Name, tc.database.Image = "db", postgresImage
				app.Spec.Databases = []topasv1alpha1.DatabaseSpec{*tc.database}
			} else {
				bad := tc.service
				bad.Name, bad.Port = good.Name, good.Port
				if bad.Image == "" {
					bad.Image, bad.Version = good.Image, good.Version
				}
				app.Spec.Services = []topasv1alpha1.ServiceSpec{bad}
			}
			create(t, app)
			untilProblem(t, app, tc.reason, tc.wantReason, tc.wantMessage)

			change(t, app, func(spec *topasv1alpha1.AppSpec) {
				*spec = topasv1alpha1.AppSpec{Services: []topasv1alpha1.ServiceSpec{good}}
			})
		})
	}
}

// A quota that is used up is the App's problem too, in the words of the API server.
func TestQuotaThatIsExceeded(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	quota := &corev1.ResourceQuota{}
	quota.Namespace, quota.Name = ns, "small"
	quota.Spec.Hard = corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}
	create(t, quota)
	until(t, quota, time.Minute, "is in force", func(q *corev1.ResourceQuota) bool { return len(q.Status.Hard) == 1 },
		func(q *corev1.ResourceQuota) string { return q.Status.String() })

	app := sampleApp(t, ns)
	app.Spec.Databases, app.Spec.Services = nil, app.Spec.Services[1:]
	two := int32(2)
	app.Spec.Services[0].Replicas = &two
	create(t, app)
	untilProblem(t, app, "the quota is named", topasv1alpha1.AppReasonQuotaExceeded,
		[]string{`service "echo"`, "exceeded quota: small", "pods=1"})
}

// untilProblem waits until the App is not ready for this reason, with a message that has these texts.
func untilProblem(t *testing.T, app *topasv1alpha1.App, why, reason string, texts []string) {
	t.Helper()
	until(t, app, 2*time.Minute, "has the reason "+reason+", since "+why, func(a *topasv1alpha1.App) bool {
		c := meta.FindStatusCondition(a.Status.Conditions, topasv1alpha1.AppConditionReady)
		if c == nil || c.Reason != reason {
			return false
		}
		for _, text := range texts {
			if !strings.Contains(c.Message, text) {
				return false
			}
		}
		return true
	}, describeApp)
}
