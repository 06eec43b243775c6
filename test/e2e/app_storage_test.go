//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

const (
	// volumes is a folder on the node that has a folder for each volume.
	volumes       = "/var/lib/topas-e2e"
	postgresImage = "localhost/topas/postgres:15"
)

// When the Pods of databases are lost, one with storage goes on with its data, and its schema is not made again; one without
// begins anew, with its schema.
func TestDatabasesThatLoseTheirPods(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	removeVolume := volume(t, ns, "mock-app-kept")
	defer removeVolume()
	app := sampleApp(t, ns)
	app.Spec.Services = nil
	noClass := ""
	app.Spec.Databases[0].InitSQL = usersSQL
	kept := *app.Spec.Databases[0].DeepCopy()
	kept.Name, kept.Storage = "kept", &topasv1alpha1.Storage{Size: "1Gi", StorageClassName: &noClass}
	app.Spec.Databases = append(app.Spec.Databases, kept)
	create(t, app)
	defer func() {
		// The server goes before its folder.
		if err := cluster.Delete(t.Context(), app); err != nil {
			t.Error(err)
		}
		noneLeft(t, ns, client.HasLabels{topasv1alpha1.LabelApp})
	}()
	untilReady(t, app)

	jobs := map[string][]string{}
	for _, database := range []string{"db", "kept"} {
		if out, err := psql(t.Context(), ns, database, "INSERT INTO users VALUES ('alice', 'admin')"); err != nil {
			t.Fatalf("adding a row to database %s: %v: %s", database, err, out)
		}
		jobs[database] = schemaJobs(t, ns, database)
	}
	var pods corev1.PodList
	if err := cluster.List(t.Context(), &pods, client.InNamespace(ns), client.MatchingLabels{"app.kubernetes.io/component": "database"}); err != nil {
		t.Fatal(err)
	}
	if len(pods.Items) != 2 {
		t.Fatalf("%d Pods of databases, want 2", len(pods.Items))
	}
	for i := range pods.Items {
		if err := cluster.Delete(t.Context(), &pods.Items[i]); err != nil {
			t.Fatal(err)
		}
		gone(t, &pods.Items[i])
	}

	untilRows(t, ns, "kept", "alice|admin")
	untilRows(t, ns, "db", "")
	untilReady(t, app)
	if now := schemaJobs(t, ns, "db"); len(now) == 0 || slices.Equal(now, jobs["db"]) {
		t.Errorf("the Jobs of the database without storage are %v, and were %v: want a new one", now, jobs["db"])
	}
	if diff := cmp.Diff(jobs["kept"], schemaJobs(t, ns, "kept")); diff != "" || len(jobs["kept"]) != 1 {
		t.Errorf("the Jobs of the database with storage were %v, want one (-before +after):\n%s", jobs["kept"], diff)
	}
}

// psql runs SQL in the Pod of a database of the sample App.
func psql(ctx context.Context, ns, database, sql string) (string, error) {
	out, err := exec.CommandContext(ctx, "kubectl", "-n", ns, "exec", "deployment/mock-app-"+database, "--",
		"psql", "-U", "admin", "-d", "testdb", "-At", "-c", sql).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// untilRows waits until the table users can be read, and has these rows.
func untilRows(t *testing.T, ns, database, want string) {
	t.Helper()
	var last string
	err := wait.PollUntilContextTimeout(t.Context(), 250*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		out, err := psql(ctx, ns, database, "SELECT * FROM users")
		last = out
		return err == nil && out == want, nil
	})
	if err != nil {
		t.Fatalf("waiting for the rows %q in database %s: %v; last seen: %s", want, database, err, last)
	}
}

// schemaJobs returns the UIDs of the Jobs that made the schema of a database.
func schemaJobs(t *testing.T, ns, database string) []string {
	t.Helper()
	var jobs batchv1.JobList
	labels := client.MatchingLabels{"app.kubernetes.io/component": "schema", "app.kubernetes.io/name": database}
	if err := cluster.List(t.Context(), &jobs, client.InNamespace(ns), labels); err != nil {
		t.Fatal(err)
	}
	var uids []string
	for _, job := range jobs.Items {
		uids = append(uids, string(job.UID))
	}
	return uids
}

// volume makes a PersistentVolume without a class for the claim: a folder of the node, since a cluster need not have
// anything that makes volumes. Nobody changes the owner of such a folder, so it is made for the user postgres.
func volume(t *testing.T, ns, claim string) (remove func()) {
	t.Helper()
	onNode(t, "mkdir /volumes/"+ns+" && chown 999:999 /volumes/"+ns)
	pv := &corev1.PersistentVolume{}
	pv.Name = ns
	pv.Spec = corev1.PersistentVolumeSpec{
		Capacity:                      corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
		AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
		ClaimRef:                      &corev1.ObjectReference{Namespace: ns, Name: claim},
		PersistentVolumeSource: corev1.PersistentVolumeSource{
			HostPath: &corev1.HostPathVolumeSource{Path: volumes + "/" + ns},
		},
	}
	create(t, pv)
	return func() {
		if err := cluster.Delete(t.Context(), pv); err != nil {
			t.Error(err)
		}
		onNode(t, "rm -r /volumes/"+ns)
	}
}

// onNode runs a shell command as root, with the folder of the volumes at /volumes.
func onNode(t *testing.T, command string) {
	t.Helper()
	root, create := int64(0), corev1.HostPathDirectoryOrCreate
	runPrivileged(t, corev1.PodSpec{
		Containers: []corev1.Container{{
			Name: "sh", Image: postgresImage, Command: []string{"sh", "-c", command},
			SecurityContext: &corev1.SecurityContext{RunAsUser: &root},
			VolumeMounts:    []corev1.VolumeMount{{Name: "volumes", MountPath: "/volumes"}},
		}},
		Volumes: []corev1.Volume{{Name: "volumes", VolumeSource: corev1.VolumeSource{
			HostPath: &corev1.HostPathVolumeSource{Path: volumes, Type: &create},
		}}},
	})
}
