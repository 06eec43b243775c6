//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"crypto/rand"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

// betrayingSQL makes psql say the password in each of the ways in which it can.
const betrayingSQL = `
\getenv password PGPASSWORD
\warn the password is :password
SELECT :'password'::int;
`

// betrayingScript is a service that ends and says what it was given.
const betrayingScript = "console.error('logging in with', process.env.DATABASE_URL, 'and', process.env.TOKEN); process.exit(1)"

// Passwords are in Secrets, and where the user has put them. Whatever containers print, neither the status nor events
// nor the manager's log repeat them, and no Deployment holds them.
func TestSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	inSpec, inSecret, token := "inspec-"+rand.Text(), "insecret-"+rand.Text(), "token-"+rand.Text()
	login, tokens := &corev1.Secret{}, &corev1.Secret{}
	login.Namespace, login.Name = ns, "login"
	login.StringData = map[string]string{"user": "clerk", "password": inSecret, "dbname": "papers"}
	create(t, login)
	tokens.Namespace, tokens.Name = ns, "tokens"
	tokens.StringData = map[string]string{"TOKEN": token}
	create(t, tokens)

	crashing := secretApp(t, ns, "crashing", inSpec, login.Name)
	crashing.Spec.Services = []topasv1alpha1.ServiceSpec{
		betrayer("web", "postgres://$(user):$(password)@crashing-db/$(dbname)", "crashing-db", tokens.Name),
		betrayer("papers", "postgres://$(user):$(password)@crashing-archive/$(dbname)", login.Name, tokens.Name),
	}
	failing := secretApp(t, ns, "failing", inSpec, login.Name)
	for i := range failing.Spec.Databases {
		failing.Spec.Databases[i].InitSQL = betrayingSQL
	}
	create(t, crashing)
	create(t, failing)

	until(t, crashing, 3*time.Minute, "shows both crashes", func(a *topasv1alpha1.App) bool {
		message := readyMessage(a)
		return strings.Contains(message, "postgres://admin:***@crashing-db/testdb and ***") &&
			strings.Contains(message, "postgres://clerk:***@crashing-archive/papers and ***")
	}, describeApp)
	until(t, failing, 3*time.Minute, "has failed", func(a *topasv1alpha1.App) bool {
		return a.Status.Phase == topasv1alpha1.AppFailed && strings.Count(readyMessage(a), "the password is ***") == 2 &&
			strings.Count(readyMessage(a), `invalid input syntax for type integer: "***"`) == 2
	}, describeApp)

	var deployments appsv1.DeploymentList
	var events eventsv1.EventList
	for _, list := range []client.ObjectList{&deployments, &events} {
		if err := cluster.List(t.Context(), list, client.InNamespace(ns)); err != nil {
			t.Fatal(err)
		}
	}
	if len(deployments.Items) != 6 || len(events.Items) == 0 {
		t.Errorf("%d Deployments and %d events, want 6 and some", len(deployments.Items), len(events.Items))
	}
	log, err := exec.CommandContext(t.Context(), "kubectl", "-n", systemNamespace, "logs", "deployment/"+managerName, "--tail=-1").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), ns) {
		t.Errorf("the manager's log does not mention namespace %s", ns)
	}
	for where, text := range map[string]string{
		"the Deployments":        asJSON(t, deployments.Items),
		"the events":             asJSON(t, events.Items),
		"the status of the Apps": asJSON(t, []topasv1alpha1.AppStatus{crashing.Status, failing.Status}),
		"the log of the manager": string(log),
	} {
		for _, secret := range []string{inSpec, inSecret, token} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s: %s is in ...%s", where, secret, text[max(0, i-200):i+len(secret)])
			}
		}
	}
}

// secretApp returns an App of two databases, one with the password in its spec and one with it in a Secret.
func secretApp(t *testing.T, ns, name, password, secret string) *topasv1alpha1.App {
	t.Helper()
	app := sampleApp(t, ns)
	app.Name, app.Spec.Services = name, nil
	db := &app.Spec.Databases[0]
	db.Credentials["password"], db.InitSQL = password, ""
	archive := topasv1alpha1.DatabaseSpec{
		Name: "archive", Image: db.Image, CredentialsSecretRef: &topasv1alpha1.SecretReference{Name: secret},
	}
	app.Spec.Databases = append(app.Spec.Databases, archive)
	return app
}

func betrayer(name, databaseURL string, secrets ...string) topasv1alpha1.ServiceSpec {
	service := scriptService(name, betrayingScript)
	service.EnvVars = map[string]string{"DATABASE_URL": databaseURL}
	for _, secret := range secrets {
		service.EnvFrom = append(service.EnvFrom, fromSecret("", secret))
	}
	return service
}

func readyMessage(app *topasv1alpha1.App) string {
	c := meta.FindStatusCondition(app.Status.Conditions, topasv1alpha1.AppConditionReady)
	if c == nil {
		return ""
	}
	return c.Message
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
