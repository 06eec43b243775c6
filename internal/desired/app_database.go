/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// DatabaseContainer is the name of a database's container.
const DatabaseContainer = "postgres"

// Keys of a database's credentials, in the App and in the Secret.
const (
	credentialUser     = "user"
	credentialPassword = "password"
	credentialDatabase = "dbname"
)

const (
	// postgresID is the user and group "postgres" of the public PostgreSQL images that are based on Debian.
	postgresID = int64(999)

	dataVolume = "data"
	dataMount  = "/var/lib/postgresql/data"
	// dataDir is below the mount, because initdb wants a folder that belongs to it.
	dataDir = dataMount + "/pgdata"
)

// credentialsAnnotation replaces the Pod when the credentials change: the server takes them only when it makes the
// database. It holds a hash.
const credentialsAnnotation = "topas.dev/credentials-hash"

// isReady asks the server over TCP, which it opens only when the database is complete. The shell is needed for the
// variables: a probe doesn't expand them, and credentials have no place in a Deployment.
const isReady = `exec pg_isready -q -h 127.0.0.1 -p "$PGPORT" -U "$POSTGRES_USER" -d "$POSTGRES_DB"`

// DatabaseSecret holds the credentials of a database, with the keys of the spec.
func DatabaseSecret(app *v1alpha1.App, database v1alpha1.DatabaseSpec) *corev1ac.SecretApplyConfiguration {
	data := map[string][]byte{}
	for _, key := range []string{credentialUser, credentialPassword, credentialDatabase} {
		data[key] = []byte(database.Credentials[key])
	}
	return corev1ac.Secret(ChildName(app.Name, database.Name), app.Namespace).
		WithLabels(AppLabels(app.Name, database.Name, ComponentDatabase)).
		WithOwnerReferences(appOwner(app)).
		WithType(corev1.SecretTypeOpaque).
		WithData(data)
}

// DatabaseDeployment runs a database. Its data lives as long as its Pod.
func DatabaseDeployment(app *v1alpha1.App, database v1alpha1.DatabaseSpec) *appsv1ac.DeploymentApplyConfiguration {
	labels := AppLabels(app.Name, database.Name, ComponentDatabase)
	return appsv1ac.Deployment(ChildName(app.Name, database.Name), app.Namespace).
		WithLabels(labels).
		WithOwnerReferences(appOwner(app)).
		WithSpec(appsv1ac.DeploymentSpec().
			WithReplicas(1).
			// Two servers side by side would be two databases.
			WithStrategy(appsv1ac.DeploymentStrategy().WithType(appsv1.RecreateDeploymentStrategyType)).
			WithSelector(metav1ac.LabelSelector().
				WithMatchLabels(AppSelector(app.Name, database.Name, ComponentDatabase))).
			WithTemplate(corev1ac.PodTemplateSpec().
				WithLabels(labels).
				WithAnnotations(map[string]string{credentialsAnnotation: credentialsHash(app, database)}).
				WithSpec(databasePod(app, database))))
}

// credentialsHash is salted, so that the same password shows up differently in every App.
func credentialsHash(app *v1alpha1.App, database v1alpha1.DatabaseSpec) string {
	c := database.Credentials
	return hash(string(app.UID), database.Name, c[credentialUser], c[credentialPassword], c[credentialDatabase])
}

func databasePod(app *v1alpha1.App, database v1alpha1.DatabaseSpec) *corev1ac.PodSpecApplyConfiguration {
	return corev1ac.PodSpec().
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithSecurityContext(postgresPod()).
		WithVolumes(corev1ac.Volume().WithName(dataVolume).WithEmptyDir(corev1ac.EmptyDirVolumeSource())).
		WithContainers(corev1ac.Container().
			WithName(DatabaseContainer).
			WithImage(database.Image).
			WithEnv(
				fromSecret(app, database, "POSTGRES_USER", credentialUser),
				fromSecret(app, database, "POSTGRES_PASSWORD", credentialPassword),
				fromSecret(app, database, "POSTGRES_DB", credentialDatabase),
				value("PGDATA", dataDir),
				value("PGPORT", port(database)),
			).
			WithPorts(corev1ac.ContainerPort().
				WithName(portName).
				WithProtocol(corev1.ProtocolTCP).
				WithContainerPort(database.Port)).
			WithReadinessProbe(corev1ac.Probe().
				WithExec(corev1ac.ExecAction().WithCommand("sh", "-c", isReady)).
				WithPeriodSeconds(2).
				WithTimeoutSeconds(5)).
			WithResources(requests("100m", "128Mi")).
			WithSecurityContext(restrictedContainer()).
			WithVolumeMounts(corev1ac.VolumeMount().WithName(dataVolume).WithMountPath(dataMount)))
}

// postgresPod lets the image run as the user that it would change to as root.
func postgresPod() *corev1ac.PodSecurityContextApplyConfiguration {
	return restrictedPod().WithRunAsUser(postgresID).WithRunAsGroup(postgresID).WithFSGroup(postgresID)
}

// DatabaseService gives a database its name and address.
func DatabaseService(app *v1alpha1.App, database v1alpha1.DatabaseSpec) *corev1ac.ServiceApplyConfiguration {
	return appService(app, database.Name, ComponentDatabase, database.Port)
}

func fromSecret(app *v1alpha1.App, database v1alpha1.DatabaseSpec, name, key string) *corev1ac.EnvVarApplyConfiguration {
	return corev1ac.EnvVar().WithName(name).WithValueFrom(corev1ac.EnvVarSource().
		WithSecretKeyRef(corev1ac.SecretKeySelector().
			WithName(ChildName(app.Name, database.Name)).
			WithKey(key)))
}

func value(name, value string) *corev1ac.EnvVarApplyConfiguration {
	return corev1ac.EnvVar().WithName(name).WithValue(value)
}

func port(database v1alpha1.DatabaseSpec) string { return strconv.Itoa(int(database.Port)) }
