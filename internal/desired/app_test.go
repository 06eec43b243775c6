/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/topas-dev/topas/api/v1alpha1"
)

func testApp() *v1alpha1.App {
	return &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "shop", UID: "7d0c"}}
}

func testDatabase() v1alpha1.DatabaseSpec {
	return v1alpha1.DatabaseSpec{
		Name: "db", Image: "postgres:15", Port: 5433, RunAsUser: 999, InitSQL: "CREATE TABLE users ();",
		Credentials: map[string]string{"user": "admin", "password": "s3cret", "dbname": "shop"},
	}
}

// fullService and fullDatabase have every optional field.
func fullService() v1alpha1.ServiceSpec {
	return v1alpha1.ServiceSpec{
		Name: "api", Image: "my-org/api", Version: "sha256:" + strings.Repeat("0", 64), Port: 50051, PortName: "grpc",
		Command: []string{"/api"}, Args: []string{"serve", "--log=$(LEVEL)"},
		EnvVars: map[string]string{"LEVEL": "debug"},
		EnvFrom: []corev1.EnvFromSource{
			{Prefix: "DB_", SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "shop-db"}}},
			{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "flags"}, Optional: new(true)}},
		},
		Resources: &v1alpha1.Resources{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
		},
		Readiness:        &v1alpha1.Readiness{GRPC: true, PeriodSeconds: 5, TimeoutSeconds: 3},
		ImagePullSecrets: []v1alpha1.SecretReference{{Name: "registry"}},
	}
}

func fullDatabase() v1alpha1.DatabaseSpec {
	class := "fast"
	d := testDatabase()
	d.Credentials, d.CredentialsSecretRef = nil, &v1alpha1.SecretReference{Name: "vault"}
	d.Storage = &v1alpha1.Storage{Size: "2Gi", StorageClassName: &class}
	d.Resources = &v1alpha1.Resources{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}}
	d.RunAsUser, d.ImagePullSecrets = 70, []v1alpha1.SecretReference{{Name: "registry"}}
	return d
}

var testHolder = DataHolder{UID: "90d", Host: "10.0.0.1"}

// TestAppObjects compares what is sent to the API server, to the byte, with the files in testdata/app. UPDATE_GOLDEN=1
// writes the files anew.
func TestAppObjects(t *testing.T) {
	app, database, three := testApp(), testDatabase(), int32(3)
	simple := v1alpha1.ServiceSpec{Name: "web", Image: "my-org/web", Version: "v1.2.0", Port: 8080, PortName: "main"}
	scaled := simple
	scaled.Replicas = &three
	scaled.EnvVars = map[string]string{"ZONE": "b", "DATABASE_URL": "postgres://shop-db", "MODE": ""}

	full, kept := fullService(), fullDatabase()
	claim, err := DatabaseClaim(app, kept, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		reason string
		file   string
		got    any
	}{
		{"every field of a service", "service-deployment-full.yaml", ServiceDeployment(app, full)},
		{"the name of the port", "service-service-full.yaml", ServiceService(app, full)},
		{"every field of a database", "database-deployment-full.yaml", DatabaseDeployment(app, kept)},
		{"storage is a claim", "database-claim.yaml", claim},
		{"the user of the image runs psql, with credentials of one's own", "schema-job-full.yaml", SchemaJob(app, kept, testHolder)},
		{"replicas that the spec leaves out are not sent", "service-deployment.yaml", ServiceDeployment(app, simple)},
		{"environment is sorted, and empty values are values", "service-deployment-scaled.yaml", ServiceDeployment(app, scaled)},
		{"selector finds Pods of services only", "service-service.yaml", ServiceService(app, simple)},
		{"credentials have the keys of the spec", "database-secret.yaml", DatabaseSecret(app, database)},
		{"no credential is in the Deployment", "database-deployment.yaml", DatabaseDeployment(app, database)},
		{"port of the spec", "database-service.yaml", DatabaseService(app, database)},
		{"SQL is kept as it is", "schema-configmap.yaml", SchemaConfigMap(app, database, testHolder)},
		{"psql stops at the first error and shows it", "schema-job.yaml", SchemaJob(app, database, testHolder)},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got, err := yaml.Marshal(tc.got)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", "app", tc.file)
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

func TestSchemaName(t *testing.T) {
	app, database := testApp(), testDatabase()
	name := SchemaName(app, database, testHolder)
	for _, tc := range []struct {
		reason string
		change func(*v1alpha1.App, *v1alpha1.DatabaseSpec, *DataHolder)
		same   bool
	}{
		{"nothing changed", func(*v1alpha1.App, *v1alpha1.DatabaseSpec, *DataHolder) {}, true},
		{"image says nothing about the data", func(_ *v1alpha1.App, d *v1alpha1.DatabaseSpec, _ *DataHolder) { d.Image = "postgres:16" }, true},
		{"address is not the identity of the data", func(_ *v1alpha1.App, _ *v1alpha1.DatabaseSpec, h *DataHolder) { h.Host = "10.0.0.9" }, true},
		{"other SQL", func(_ *v1alpha1.App, d *v1alpha1.DatabaseSpec, _ *DataHolder) { d.InitSQL += " " }, false},
		{"other data", func(_ *v1alpha1.App, _ *v1alpha1.DatabaseSpec, h *DataHolder) { h.UID = "90e" }, false},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			a, d, h := app.DeepCopy(), *database.DeepCopy(), testHolder
			tc.change(a, &d, &h)
			if got := SchemaName(a, d, h); (got == name) != tc.same {
				t.Errorf("SchemaName() = %s, before %s; want the same: %v", got, name, tc.same)
			}
		})
	}
}

func TestLongSchemaNamesFitAndDiffer(t *testing.T) {
	app := testApp()
	app.Name = strings.Repeat("a", 40) + "-"
	names := map[string]bool{}
	for _, suffix := range []string{"", "-x", "-y", strings.Repeat("-z", 10)} {
		database := testDatabase()
		database.Name = "d" + suffix
		name := SchemaName(app, database, testHolder)
		if len(name) > 63 || strings.Contains(name, "--init") {
			t.Errorf("name is %q of %d characters, want at most 63 and no -- before init", name, len(name))
		}
		names[name] = true
	}
	if len(names) != 4 {
		t.Errorf("%d different names, want 4: %v", len(names), names)
	}
}

func TestCredentialsReplaceThePod(t *testing.T) {
	app, database := testApp(), testDatabase()
	before := DatabaseDeployment(app, database).Spec.Template.Annotations
	database.Credentials["password"] = "other"
	after := DatabaseDeployment(app, database).Spec.Template.Annotations
	if cmp.Equal(before, after) {
		t.Error("the Pod template stayed the same: the server would keep the old password")
	}
}

func TestReadinessIsAskedInOneWay(t *testing.T) {
	for _, tc := range []struct {
		reason    string
		readiness *v1alpha1.Readiness
		want      string
	}{
		{"a connection by default", nil, "periodSeconds: 2\ntcpSocket:\n  port: 80\ntimeoutSeconds: 1\n"},
		{"only slower", &v1alpha1.Readiness{PeriodSeconds: 9, TimeoutSeconds: 4}, "periodSeconds: 9\ntcpSocket:\n  port: 80\ntimeoutSeconds: 4\n"},
		{"HTTP", &v1alpha1.Readiness{HTTPPath: "/ok", PeriodSeconds: 2, TimeoutSeconds: 1}, "httpGet:\n  path: /ok\n  port: 80\nperiodSeconds: 2\ntimeoutSeconds: 1\n"},
		{"gRPC", &v1alpha1.Readiness{GRPC: true, PeriodSeconds: 2, TimeoutSeconds: 1}, "grpc:\n  port: 80\nperiodSeconds: 2\ntimeoutSeconds: 1\n"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got, err := yaml.Marshal(readiness(v1alpha1.ServiceSpec{Port: 80, Readiness: tc.readiness}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("probe (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClaimsNeverShrink(t *testing.T) {
	database := fullDatabase()
	for _, tc := range []struct{ reason, wanted, is, want string }{
		{"it has grown since", "2Gi", "5Gi", "5Gi"},
		{"it is to grow", "8Gi", "5Gi", "8Gi"},
		{"it is new", "2Gi", "", "2Gi"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			var current *corev1.PersistentVolumeClaim
			if tc.is != "" {
				current = &corev1.PersistentVolumeClaim{}
				current.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(tc.is)}
			}
			database.Storage.Size = tc.wanted
			claim, err := DatabaseClaim(testApp(), database, current)
			if err != nil {
				t.Fatal(err)
			}
			if got := claim.Spec.Resources.Requests.Storage().String(); got != tc.want {
				t.Errorf("size is %s, want %s", got, tc.want)
			}
		})
	}
	database.Storage.Size = "big"
	if _, err := DatabaseClaim(testApp(), database, nil); err == nil || !strings.Contains(err.Error(), `storage.size of database "db" is "big", must be a quantity such as 1Gi`) {
		t.Errorf("error is %v", err)
	}
}
