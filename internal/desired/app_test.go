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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/topas-dev/topas/api/v1alpha1"
)

func testApp() *v1alpha1.App {
	return &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: "qa", Name: "shop", UID: "7d0c"}}
}

func testDatabase() v1alpha1.DatabaseSpec {
	return v1alpha1.DatabaseSpec{
		Name: "db", Image: "postgres:15", Port: 5433, InitSQL: "CREATE TABLE users ();",
		Credentials: map[string]string{"user": "admin", "password": "s3cret", "dbname": "shop"},
	}
}

var testHolder = DataHolder{UID: "90d", Host: "10.0.0.1"}

// TestAppObjects compares what is sent to the API server, to the byte, with the files in testdata/app. UPDATE_GOLDEN=1
// writes the files anew.
func TestAppObjects(t *testing.T) {
	app, database, three := testApp(), testDatabase(), int32(3)
	simple := v1alpha1.ServiceSpec{Name: "web", Image: "my-org/web", Version: "v1.2.0", Port: 8080}
	scaled := simple
	scaled.Replicas = &three
	scaled.EnvVars = map[string]string{"ZONE": "b", "DATABASE_URL": "postgres://shop-db", "MODE": ""}

	for _, tc := range []struct {
		reason string
		file   string
		got    any
	}{
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
