/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/servers/kube"
)

// withSQL is an App with so many times the character as initSQL.
func withSQL(n int, character string) string {
	return "databases: [{name: db, image: p, credentials: {user: u, password: p, dbname: d}, initSQL: '" + strings.Repeat(character, n) + "'}]"
}

// TestTheServerRefusesBadApps holds the messages of the CRD: each says what to write.
func TestTheServerRefusesBadApps(t *testing.T) {
	server := kube.Start(t)
	namespace := server.NewNamespace(t)
	const database = "{name: db, image: p, credentials: {user: u, password: p, dbname: d}}"
	const good = "{name: web, image: my-org/web, version: v1, port: 80}"
	long := strings.Repeat("a", 59)
	for _, tc := range []struct{ reason, name, spec, want string }{
		{"good", "shop", "services: [" + good + "]", ""},
		{"the port of a database may be left out", "shop",
			"databases: [{name: db, image: 'postgres:15', credentials: {user: u, password: p, dbname: d}}]", ""},
		{"a digest as version", "shop", "services: [{name: web, image: 'localhost:5000/web', version: 'sha256:" + strings.Repeat("0", 64) + "', port: 80}]", ""},
		{"a name that fits exactly", long, "services: [" + good + "]", ""},

		{"every optional field", "shop", "{services: [{name: web, image: w, version: v1, port: 80, portName: http, replicas: 0, command: [a], args: [b], " +
			"envFrom: [{prefix: DB_, secretRef: {name: shop-db}}], resources: {requests: {cpu: 1}, limits: {memory: 1Gi}}, " +
			"readiness: {httpPath: /healthz, periodSeconds: 5}, imagePullSecrets: [{name: r}]}], " +
			"databases: [{name: db, image: p, credentialsSecretRef: {name: c}, storage: {size: 1Gi, storageClassName: ''}, resources: {limits: {cpu: 500m}}, " +
			"runAsUser: 70, imagePullSecrets: [{name: r}]}]}", ""},
		{"as much initSQL as there may be", "shop", withSQL(1_000_000, "x"), ""},

		{"too much initSQL", "shop", withSQL(1_000_001, "x"), "spec.databases[0].initSQL: Too long: may not be more than 1000000"},
		{"too much initSQL in bytes", "shop", withSQL(500_001, "ü"),
			"the initSQL of all databases together may have at most 1000000 bytes, because the cluster stores it as a whole: " +
				"keep the schema in initSQL, and load large data from a test (db.seed) or from the database's image"},
		{"credentials twice", "shop", "databases: [{name: db, image: p, credentials: {user: u, password: p, dbname: d}, credentialsSecretRef: {name: c}}]",
			"a database needs either credentials (user, password and dbname) or credentialsSecretRef (the name of a Secret with these keys)"},
		{"no credentials", "shop", "databases: [{name: db, image: p}]", "a database needs either credentials"},
		{"a Secret without a name", "shop", "databases: [{name: db, image: p, credentialsSecretRef: {name: ''}}]",
			"spec.databases[0].credentialsSecretRef.name in body should be at least 1 chars long"},
		{"storage without a size", "shop", "databases: [{name: db, image: p, credentialsSecretRef: {name: c}, storage: {}}]",
			"spec.databases[0].storage.size: Required value"},
		{"storage that is no quantity", "shop", "databases: [{name: db, image: p, credentialsSecretRef: {name: c}, storage: {size: much}}]",
			"size must be a quantity of more than 0, such as 1Gi"},
		{"storage of nothing", "shop", "databases: [{name: db, image: p, credentialsSecretRef: {name: c}, storage: {size: '0'}}]",
			"size must be a quantity of more than 0, such as 1Gi"},
		{"a database as root", "shop", "databases: [{name: db, image: p, credentialsSecretRef: {name: c}, runAsUser: 0}]",
			"spec.databases[0].runAsUser in body should be greater than or equal to 1"},
		{"readiness asked in two ways", "shop", "services: [{name: web, image: w, version: v1, port: 80, readiness: {httpPath: /, grpc: true}}]",
			"a service is asked in one way only: give readiness either httpPath or grpc"},
		{"a path without its slash", "shop", "services: [{name: web, image: w, version: v1, port: 80, readiness: {httpPath: healthz}}]",
			"httpPath must begin with '/', such as /healthz"},
		{"a variable with a space", "shop", "services: [{name: web, image: w, version: v1, port: 80, envVars: {'A B': c}}]",
			"the names in envVars must be letters, digits, '_', '-' and '.', must not begin with a digit, and have at most 256 characters, such as LOG_LEVEL"},
		{"a port name in upper case", "shop", "services: [{name: web, image: w, version: v1, port: 80, portName: HTTP}]",
			"portName must be at most 15 lower case letters, digits and '-', with a letter among them, such as http"},
		{"resources of no kind", "shop", "services: [{name: web, image: w, version: v1, port: 80, resources: {limits: {memory: much}}}]",
			"spec.services[0].resources.limits.memory"},
		{"App with a dot in its name", "my.shop", "{}", "the name of an App must be a DNS label"},
		{"App that begins with a digit", "1shop", "{}", "the name of an App must be a DNS label"},
		{"App with a long name", strings.Repeat("a", 64), "{}", "the name of an App must be a DNS label"},
		{"service too long with the App", long + "b", "services: [" + good + "]",
			"shorten the name of the App or of the service"},
		{"database too long with the App", long + "bc",
			"databases: [{name: db, image: p, credentials: {user: u, password: p, dbname: d}}]",
			"shorten the name of the App or of the database"},
		{"two services of one name", "shop", "services: [" + good + ", " + good + "]",
			"two services have the same name: give every service and database of an App a name of its own"},
		{"two databases of one name", "shop", "databases: [" + database + ", " + database + "]",
			"two databases have the same name: give every service and database of an App a name of its own"},
		{"service and database of one name", "shop",
			"{services: [" + good + "], databases: [{name: web, image: p, credentials: {user: u, password: p, dbname: d}}]}",
			"give every service and database of an App a name of its own"},
		{"name of a service in upper case", "shop", "services: [{name: Web, image: w, version: v1, port: 80}]",
			"name must be a DNS label: lower case letters, digits and '-', beginning with a letter and not ending with '-', such as web-api"},
		{"name of a database with an underscore", "shop",
			"databases: [{name: my_db, image: p, credentials: {user: u, password: p, dbname: d}}]",
			"such as orders-db"},
		{"tag in image", "shop", "services: [{name: web, image: 'my-org/web:v1', version: v1, port: 80}]",
			"write the repository in image (my-org/web) and the tag in version (v1.2.0 or sha256:...)"},
		{"digest in image", "shop", "services: [{name: web, image: 'my-org/web@sha256:00', version: v1, port: 80}]",
			"image must not carry a tag or digest"},
		{"version with a space", "shop", "services: [{name: web, image: w, version: 'v 1', port: 80}]",
			"version must be an image tag such as v1.2.0, or a digest such as sha256: followed by 64 hexadecimal digits"},
		{"short digest", "shop", "services: [{name: web, image: w, version: 'sha256:00', port: 80}]",
			"version must be an image tag"},
		{"port 0", "shop", "services: [{name: web, image: w, version: v1, port: 0}]",
			"spec.services[0].port in body should be greater than or equal to 1"},
		{"port too high", "shop", "services: [{name: web, image: w, version: v1, port: 65536}]",
			"spec.services[0].port in body should be less than or equal to 65535"},
		{"no port", "shop", "services: [{name: web, image: w, version: v1}]", "spec.services[0].port: Required value"},
		{"replicas below 0", "shop", "services: [{name: web, image: w, version: v1, port: 80, replicas: -1}]",
			"spec.services[0].replicas in body should be greater than or equal to 0"},
		{"a credential left out", "shop", "databases: [{name: db, image: p, credentials: {user: u, password: p}}]",
			"credentials must have the keys user, password and dbname"},
		{"a credential of another name", "shop",
			"databases: [{name: db, image: p, credentials: {user: u, password: p, db: d}}]",
			"credentials may have only the keys user, password and dbname"},
		{"an empty credential", "shop",
			"databases: [{name: db, image: p, credentials: {user: u, password: '', dbname: d}}]",
			"credentials must not be empty: give user, password and dbname a value each"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			app := &unstructured.Unstructured{Object: map[string]any{}}
			document := "{apiVersion: topas.dev/v1alpha1, kind: App, metadata: {namespace: " + namespace + ", name: '" + tc.name + "'}}"
			if err := yaml.Unmarshal([]byte(document), &app.Object); err != nil {
				t.Fatal(err)
			}
			spec := map[string]any{}
			if err := yaml.Unmarshal([]byte(tc.spec), &spec); err != nil {
				t.Fatal(err)
			}
			app.Object["spec"] = spec
			err := server.Client.Create(t.Context(), app)
			if tc.want == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				if err := server.Client.Delete(t.Context(), app); err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v\nwant one with %q", err, tc.want)
			}
		})
	}
}

// TestTheServerRefusesBadChanges holds the messages about what a database with storage can't become.
func TestTheServerRefusesBadChanges(t *testing.T) {
	server := kube.Start(t)
	fast, slow := "fast", "slow"
	for _, tc := range []struct {
		reason string
		change func(*v1alpha1.DatabaseSpec)
		want   string
	}{
		{"it grows", func(d *v1alpha1.DatabaseSpec) { d.Storage.Size = "20Gi" }, ""},
		{"storage is taken out", func(d *v1alpha1.DatabaseSpec) { d.Storage = nil; d.Credentials["password"] = "new" }, ""},
		{"the same size in other words", func(d *v1alpha1.DatabaseSpec) { d.Storage.Size = "10240Mi" }, ""},
		{"it shrinks", func(d *v1alpha1.DatabaseSpec) { d.Storage.Size = "9Gi" },
			"size of an existing database can't shrink: give it the size that it has, or more"},
		{"another class", func(d *v1alpha1.DatabaseSpec) { d.Storage.StorageClassName = &slow },
			"storageClassName of an existing database can't be changed"},
		{"no class", func(d *v1alpha1.DatabaseSpec) { d.Storage.StorageClassName = nil },
			"storageClassName of an existing database can't be changed"},
		{"another password", func(d *v1alpha1.DatabaseSpec) { d.Credentials["password"] = "new" },
			"credentials of a database with storage can't be changed, because its data was made with them: " +
				"take storage out (which deletes the data) and add it again"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			database := usersDatabase()
			database.Storage = &v1alpha1.Storage{Size: "10Gi", StorageClassName: &fast}
			app := &v1alpha1.App{Spec: v1alpha1.AppSpec{Databases: []v1alpha1.DatabaseSpec{database}}}
			app.Namespace, app.Name = server.NewNamespace(t), "shop"
			if err := server.Client.Create(t.Context(), app); err != nil {
				t.Fatal(err)
			}
			tc.change(&app.Spec.Databases[0])
			err := server.Client.Update(t.Context(), app)
			if tc.want == "" && err != nil {
				t.Errorf("refused: %v", err)
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error is %v\nwant one with %q", err, tc.want)
			}
		})
	}
}

// TestUnknownFieldsAreRefused asks for what kubectl asks for by default.
func TestUnknownFieldsAreRefused(t *testing.T) {
	server := kube.Start(t)
	app := &unstructured.Unstructured{}
	document := "{apiVersion: topas.dev/v1alpha1, kind: App, metadata: {name: shop}, spec: {services: [{name: web, image: w, version: v1, port: 80, replica: 2}]}}"
	if err := yaml.Unmarshal([]byte(document), &app.Object); err != nil {
		t.Fatal(err)
	}
	app.SetNamespace(server.NewNamespace(t))
	err := client.WithFieldValidation(server.Client, metav1.FieldValidationStrict).Create(t.Context(), app)
	if want := `unknown field "spec.services[0].replica"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, want one with %s", err, want)
	}
}
