//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

// pageScript is a web server that answers with its arguments. As process 1 it has to be told to go at SIGTERM.
const pageScript = `
process.on('SIGTERM', () => process.exit());
require('http').createServer((_, answer) => answer.end(process.argv.slice(1).join(' '))).listen(8080);
`

const usersSQL = "CREATE TABLE users (name text PRIMARY KEY, role text NOT NULL);"

// The optional fields do in Pods what they say: readiness in each of its ways, an entry point of one's own, secrets that come
// from Secrets, credentials that the user keeps, and Secrets for registries that are not asked.
func TestOptionalFieldsOfAnApp(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	registry, login := &corev1.Secret{}, &corev1.Secret{}
	registry.Namespace, registry.Name = ns, "registry"
	registry.Type = corev1.SecretTypeDockerConfigJson
	registry.StringData = map[string]string{corev1.DockerConfigJsonKey: `{"auths":{"registry.example.com":{"username":"me","password":"x"}}}`}
	create(t, registry)
	login.Namespace, login.Name = ns, "archive-login"
	login.StringData = map[string]string{"user": "clerk", "password": "from-a-secret", "dbname": "papers"}
	create(t, login)

	app := sampleApp(t, ns)
	pull := []topasv1alpha1.SecretReference{{Name: registry.Name}}
	app.Spec.Databases[0].ImagePullSecrets = pull
	app.Spec.Databases = append(app.Spec.Databases, topasv1alpha1.DatabaseSpec{
		Name: "archive", Image: app.Spec.Databases[0].Image, Port: 5433, InitSQL: usersSQL,
		CredentialsSecretRef: &topasv1alpha1.SecretReference{Name: login.Name},
	})

	frontend, echo := &app.Spec.Services[0], &app.Spec.Services[1]
	frontend.ImagePullSecrets, frontend.Replicas = pull, nil
	frontend.Readiness = &topasv1alpha1.Readiness{HTTPPath: "/readyz"}
	frontend.EnvFrom = []corev1.EnvFromSource{fromSecret("DB_", "mock-app-db")}
	frontend.EnvVars = map[string]string{"DATABASE_URL": "postgres://$(DB_user):$(DB_password)@mock-app-db:5432/$(DB_dbname)"}
	echo.Readiness = &topasv1alpha1.Readiness{GRPC: true}
	archivist := *frontend.DeepCopy()
	archivist.Name = "archivist"
	archivist.EnvFrom = []corev1.EnvFromSource{fromSecret("LOGIN_", login.Name)}
	archivist.EnvVars = map[string]string{"DATABASE_URL": "postgres://$(LOGIN_user):$(LOGIN_password)@mock-app-archive:5433/$(LOGIN_dbname)"}
	page := scriptService("page", pageScript, "of $(WHOM)")
	page.EnvVars = map[string]string{"WHOM": "mine"}
	page.PortName = "http"
	page.Resources = &topasv1alpha1.Resources{
		Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")},
	}
	app.Spec.Services = append(app.Spec.Services, archivist, page)
	create(t, app)
	untilReady(t, app)

	run := testRun(ns, "fields", `
local net, db = require("net"), require("db")
db.connect({ host = "archive" })
db.seed({ table = "users", rows = { { name = "ann", role = "clerk" } } })
local resp = net.get("http://archivist/api/users/ann")
assert(resp.code == 200, "the archivist: " .. resp.body)
resp = net.get("http://frontend/api/users/ann")
assert(resp.code == 404, "the frontend has a database of its own: " .. resp.body)
resp = net.get("http://page/")
assert(resp.body == "of mine", "the page: " .. resp.body)
assert(net.grpc("echo", "topas.EchoService/Echo", { message = "hello" }).message == "hello")
`)
	create(t, run)
	untilFinished(t, run)
	if run.Status.State != topasv1alpha1.TestRunPassed {
		t.Errorf("the run ended as %s", describeRun(run))
	}
}

func fromSecret(prefix, name string) corev1.EnvFromSource {
	return corev1.EnvFromSource{Prefix: prefix, SecretRef: &corev1.SecretEnvSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: name},
	}}
}

// scriptService returns a service of the runner's image that runs a JavaScript instead of the runner.
func scriptService(name, script string, args ...string) topasv1alpha1.ServiceSpec {
	return topasv1alpha1.ServiceSpec{
		Name: name, Image: "localhost/topas/runner", Version: "dev", Port: 8080,
		Command: []string{"node", "-e", script}, Args: append([]string{"--"}, args...),
	}
}
