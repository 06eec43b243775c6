/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/topas-dev/topas/api/v1alpha1"
)

func ephemeralRun(name string) *v1alpha1.TestRun {
	return &v1alpha1.TestRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tests", Name: name, UID: types.UID("uid-" + name)},
		Spec:       v1alpha1.TestRunSpec{AppName: "shop", Isolation: v1alpha1.IsolationEphemeral},
		Status:     v1alpha1.TestRunStatus{AppName: "copy"},
	}
}

func TestNamesInACopy(t *testing.T) {
	app := &v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tests", Name: "shop"},
		Spec: v1alpha1.AppSpec{
			Services:  []v1alpha1.ServiceSpec{{Name: "web"}, {Name: "web-api"}},
			Databases: []v1alpha1.DatabaseSpec{{Name: "db"}},
		},
	}
	for _, tc := range []struct{ reason, value, want string }{
		{"a host", "shop-db", "copy-db"},
		{"in a URL with a login", "postgres://$(DB_user):$(DB_password)@shop-db:5432/shop", "postgres://$(DB_user):$(DB_password)@copy-db:5432/shop"},
		{"with the domain of the cluster", "http://shop-web.tests.svc.cluster.local/", "http://copy-web.tests.svc.cluster.local/"},
		{"a name that begins with another one", "shop-web-api", "copy-web-api"},
		{"a list", "shop-db,shop-web,shop-db", "copy-db,copy-web,copy-db"},
		{"names with one character between them", "shop-db shop-db shop-db", "copy-db copy-db copy-db"},
		{"a service that the App does not have", "shop-cache:6379", "shop-cache:6379"},
		{"another App whose name ends the same way", "my-shop-db", "my-shop-db"},
		{"another App whose name begins the same way", "shop-db-2", "shop-db-2"},
		{"a host of the outside world", "www.shop-web.example.com", "www.shop-web.example.com"},
		{"no host at all", "shop", "shop"},
		{"nothing", "", ""},
	} {
		if got := renamer(app, "copy")(tc.value); got != tc.want {
			t.Errorf("%s: %q became %q, want %q", tc.reason, tc.value, got, tc.want)
		}
	}
	if got := renamer(&v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}, "copy")("shop-"); got != "shop-" {
		t.Errorf("in an App of nothing shop- became %q", got)
	}
}

func TestAppCopy(t *testing.T) {
	app := &v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tests", Name: "shop", UID: "uid-shop", Labels: map[string]string{"team": "shop"}},
		Spec: v1alpha1.AppSpec{
			Services: []v1alpha1.ServiceSpec{{
				Name: "web", Image: "my-org/web", Version: "v1", Port: 80,
				Command: []string{"/web", "--db=shop-db"}, Args: []string{"--self", "shop-web"},
				EnvVars: map[string]string{"DB": "shop-db", "NAME": "shop"},
				EnvFrom: []corev1.EnvFromSource{
					{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "shop-db"}}},
					{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "license"}}},
					{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "shop-web"}}},
				},
			}},
			Databases: []v1alpha1.DatabaseSpec{{Name: "db", Image: "postgres:15", InitSQL: "-- of shop-db"}},
		},
	}
	before := app.DeepCopy()
	want := &v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "tests", Name: "copy", Labels: TestRunLabels("orders", "copy"), Annotations: map[string]string{"topas.dev/copy-of": "shop"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "topas.dev/v1alpha1", Kind: "TestRun", Name: "orders", UID: "uid-orders",
				Controller: new(true), BlockOwnerDeletion: new(true)}},
		},
		Spec: *app.Spec.DeepCopy(),
	}
	web := &want.Spec.Services[0]
	web.Command, web.Args = []string{"/web", "--db=copy-db"}, []string{"--self", "copy-web"}
	web.EnvVars["DB"], web.EnvFrom[0].SecretRef.Name = "copy-db", "copy-db"
	if diff := cmp.Diff(want, AppCopy(ephemeralRun("orders"), app)); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, app); diff != "" {
		t.Errorf("the App itself was changed (-before +after):\n%s", diff)
	}
}

func TestCopyNames(t *testing.T) {
	child := func(length int) *v1alpha1.App {
		return &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: v1alpha1.AppSpec{Services: []v1alpha1.ServiceSpec{{Name: strings.Repeat("s", length)}}}}
	}
	long := strings.Repeat("long-", 11) + "run"
	retried := ephemeralRun("orders")
	retried.Status.Attempts = make([]v1alpha1.TestRunAttempt, 1)
	recreated := ephemeralRun("orders")
	recreated.UID = "uid-other"
	seen := map[string]string{}
	for _, tc := range []struct {
		reason     string
		run        *v1alpha1.TestRun
		child      int
		wantPrefix string
		wantError  string
	}{
		{"the run's name is seen in it", ephemeralRun("orders"), 10, "orders-e", ""},
		{"each attempt has another copy", retried, 10, "orders-e", ""},
		{"a run of the same name has another copy", recreated, 10, "orders-e", ""},
		{"the names of Services must fit", ephemeralRun(long), 40, "long-long-lo-e", ""},
		{"a cut leaves no - at the end", ephemeralRun(long), 37, "long-long-long-e", ""},
		{"names of Services begin with a letter", ephemeralRun("2026-11-orders"), 10, "orders-e", ""},
		{"a run whose name is a number", ephemeralRun("42"), 10, "e", ""},
		{"there is room for the hash alone", ephemeralRun("orders"), 53, "e", ""},
		{"there is no room at all", ephemeralRun("orders"), 54, "", "no copy of App a can be made: the name of a service or database has 54 characters, and with isolation Ephemeral may have 53 at most"},
	} {
		got, err := AppCopyName(tc.run, child(tc.child))
		if tc.wantError != "" {
			if err == nil || err.Error() != tc.wantError {
				t.Errorf("%s: error is %v, want %s", tc.reason, err, tc.wantError)
			}
			continue
		}
		if err != nil || !strings.HasPrefix(got, tc.wantPrefix) || len(got) != len(tc.wantPrefix)+copyHashLength || len(ChildName(got, strings.Repeat("s", tc.child))) > 63 {
			t.Errorf("%s: the name is %q, %v, want %s and a hash", tc.reason, got, err, tc.wantPrefix)
		}
		if other, taken := seen[got]; taken {
			t.Errorf("%q is the name where %q and where %q", got, tc.reason, other)
		}
		seen[got] = tc.reason
	}
}

// TestSnapshots: what is put back is what was there, to the last field.
func TestSnapshots(t *testing.T) {
	app := appWithSecrets()
	app.Spec.Services = []v1alpha1.ServiceSpec{{Name: "web", Image: "my-org/web", Version: "v1", Replicas: new(int32(0)), Port: 80}}
	app.Generation = 7
	run := ephemeralRun("orders")
	snapshot, err := AppSnapshot(run, app)
	if err != nil {
		t.Fatal(err)
	}
	spec, err := SnapshotSpec(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(app.Spec, spec); diff != "" {
		t.Errorf("spec (-before +restored):\n%s", diff)
	}
	if snapshot.Revision != 7 || !metav1.IsControlledBy(snapshot, app) || snapshot.Name != AppSnapshotName("orders", "uid-orders") {
		t.Errorf("snapshot is %+v", snapshot.ObjectMeta)
	}
	snapshot.Data.Raw = []byte("{")
	if _, err := SnapshotSpec(snapshot); err == nil || !strings.Contains(err.Error(), "decoding the snapshot orders-") {
		t.Errorf("error of a broken snapshot is %v", err)
	}
}
