/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/topas-dev/topas/test/servers/kube"
)

// TestTheServerRefusesBadApps holds the messages of the CRD: each says what to write.
func TestTheServerRefusesBadApps(t *testing.T) {
	server := kube.Start(t)
	namespace := server.NewNamespace(t)
	const good = "{name: web, image: my-org/web, version: v1, port: 80}"
	long := strings.Repeat("a", 59)
	for _, tc := range []struct{ reason, name, spec, want string }{
		{"good", "shop", "services: [" + good + "]", ""},
		{"the port of a database may be left out", "shop",
			"databases: [{name: db, image: 'postgres:15', credentials: {user: u, password: p, dbname: d}}]", ""},
		{"a digest as version", "shop", "services: [{name: web, image: 'localhost:5000/web', version: 'sha256:" + strings.Repeat("0", 64) + "', port: 80}]", ""},
		{"a name that fits exactly", long, "services: [" + good + "]", ""},

		{"App with a dot in its name", "my.shop", "{}", "the name of an App must be a DNS label"},
		{"App that begins with a digit", "1shop", "{}", "the name of an App must be a DNS label"},
		{"App with a long name", strings.Repeat("a", 64), "{}", "the name of an App must be a DNS label"},
		{"service too long with the App", long + "b", "services: [" + good + "]",
			"shorten the name of the App or of the service"},
		{"database too long with the App", long + "bc",
			"databases: [{name: db, image: p, credentials: {user: u, password: p, dbname: d}}]",
			"shorten the name of the App or of the database"},
		{"two services of one name", "shop", "services: [" + good + ", " + good + "]",
			`spec.services[1]: Duplicate value: {"name":"web"}`},
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
