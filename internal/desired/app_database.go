/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"fmt"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
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
	dataVolume = "data"
	dataMount  = "/var/lib/postgresql/data"
	// dataDir is below the mount, because initdb wants a folder that belongs to it.
	dataDir = dataMount + "/pgdata"
)

// databasePortName is the name of a database's port.
const databasePortName = "main"

// credentialsAnnotation replaces the Pod when the credentials change: the server takes them only when it makes the
// database. It holds a hash. Credentials in a Secret of the user's are not known, and leave the annotation out.
const credentialsAnnotation = "topas.dev/credentials-hash"

// isReady asks the server over TCP, which it opens only when the database is complete. The shell is needed for the
// variables: a probe doesn't expand them, and credentials have no place in a Deployment.
const isReady = `exec pg_isready -q -h 127.0.0.1 -p "$PGPORT" -U "$POSTGRES_USER" -d "$POSTGRES_DB"`

// DatabaseSecretName is the Secret that holds the credentials of a database.
func DatabaseSecretName(app *v1alpha1.App, database v1alpha1.DatabaseSpec) string {
	if database.CredentialsSecretRef != nil {
		return database.CredentialsSecretRef.Name
	}
	return ChildName(app.Name, database.Name)
}

// DatabaseSecret holds the credentials of a database, with the keys of the spec. It is for databases whose credentials are
// in the spec.
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

// DatabaseClaim keeps the data of a database that has storage. Current is nil if there is none; a volume that
// somebody has let grow can't shrink and keeps its size. Its error names what is wrong with the spec.
func DatabaseClaim(app *v1alpha1.App, database v1alpha1.DatabaseSpec, current *corev1.PersistentVolumeClaim) (*corev1ac.PersistentVolumeClaimApplyConfiguration, error) {
	size, err := resource.ParseQuantity(database.Storage.Size)
	if err != nil {
		return nil, fmt.Errorf("storage.size of database %q is %q, must be a quantity such as 1Gi: %w", database.Name, database.Storage.Size, err)
	}
	if current != nil && current.Spec.Resources.Requests.Storage().Cmp(size) > 0 {
		size = *current.Spec.Resources.Requests.Storage()
	}
	spec := corev1ac.PersistentVolumeClaimSpec().
		WithAccessModes(corev1.ReadWriteOnce).
		WithResources(corev1ac.VolumeResourceRequirements().WithRequests(corev1.ResourceList{corev1.ResourceStorage: size}))
	spec.StorageClassName = database.Storage.StorageClassName
	return corev1ac.PersistentVolumeClaim(ChildName(app.Name, database.Name), app.Namespace).
		WithLabels(AppLabels(app.Name, database.Name, ComponentDatabase)).
		WithOwnerReferences(appOwner(app)).
		WithSpec(spec), nil
}

// DatabaseDeployment runs a database. Without storage its data lives as long as its Pod.
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
				WithAnnotations(databaseAnnotations(app, database)).
				WithSpec(databasePod(app, database))))
}

func databaseAnnotations(app *v1alpha1.App, database v1alpha1.DatabaseSpec) map[string]string {
	if database.CredentialsSecretRef != nil {
		return nil
	}
	return map[string]string{credentialsAnnotation: credentialsHash(app, database)}
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
		WithSecurityContext(postgresPod(database)).
		WithImagePullSecrets(pullSecrets(database.ImagePullSecrets)...).
		WithVolumes(databaseVolume(app, database)).
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
			WithPorts(containerPort(databasePortName, database.Port)).
			WithReadinessProbe(corev1ac.Probe().
				WithExec(corev1ac.ExecAction().WithCommand("sh", "-c", isReady)).
				WithPeriodSeconds(2).
				WithTimeoutSeconds(5)).
			WithResources(resources(database.Resources, "100m", "128Mi")).
			WithTerminationMessagePolicy(corev1.TerminationMessageFallbackToLogsOnError).
			WithSecurityContext(restrictedContainer()).
			WithVolumeMounts(corev1ac.VolumeMount().WithName(dataVolume).WithMountPath(dataMount)))
}

func databaseVolume(app *v1alpha1.App, database v1alpha1.DatabaseSpec) *corev1ac.VolumeApplyConfiguration {
	volume := corev1ac.Volume().WithName(dataVolume)
	if database.Storage == nil {
		return volume.WithEmptyDir(corev1ac.EmptyDirVolumeSource())
	}
	return volume.WithPersistentVolumeClaim(corev1ac.PersistentVolumeClaimVolumeSource().WithClaimName(ChildName(app.Name, database.Name)))
}

// postgresPod lets the image run as the user that it would change to as root.
func postgresPod(database v1alpha1.DatabaseSpec) *corev1ac.PodSecurityContextApplyConfiguration {
	id := database.RunAsUser
	return restrictedPod().WithRunAsUser(id).WithRunAsGroup(id).WithFSGroup(id)
}

// DatabaseService gives a database its name and address.
func DatabaseService(app *v1alpha1.App, database v1alpha1.DatabaseSpec) *corev1ac.ServiceApplyConfiguration {
	return appService(app, database.Name, ComponentDatabase, databasePortName, database.Port)
}

func fromSecret(app *v1alpha1.App, database v1alpha1.DatabaseSpec, name, key string) *corev1ac.EnvVarApplyConfiguration {
	return corev1ac.EnvVar().WithName(name).WithValueFrom(corev1ac.EnvVarSource().
		WithSecretKeyRef(corev1ac.SecretKeySelector().
			WithName(DatabaseSecretName(app, database)).
			WithKey(key)))
}

func value(name, value string) *corev1ac.EnvVarApplyConfiguration {
	return corev1ac.EnvVar().WithName(name).WithValue(value)
}

func port(database v1alpha1.DatabaseSpec) string { return strconv.Itoa(int(database.Port)) }
