/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// SchemaContainer is the name of the container that runs psql.
const SchemaContainer = "psql"

const (
	sqlVolume = "sql"
	sqlMount  = "/sql"
	// initFile is the initSQL, and applyFile what psql runs.
	initFile  = "init.sql"
	applyFile = "apply.sql"
)

// applySQL runs the initSQL unless the database has got it already, and notes in the database, in the same transaction, that
// it has: so a Job that somebody deleted can be made again, and a manager that died has forgotten nothing. The note is
// a setting of the database, which no query of a test stumbles over.
const applySQL = `SELECT coalesce(current_setting('topas.init_sql', true), '') = '%[1]s' AS applied \gset
\if :applied
\echo 'the database has this initSQL already'
\else
\ir ` + initFile + `
RESET SESSION AUTHORIZATION;
RESET ROLE;
ALTER DATABASE :"DBNAME" SET topas.init_sql = '%[1]s';
\endif
`

// runPsql waits until the database can be reached from the Job's Pod, which it can be a moment after it is ready. The
// variables of libpq say where it is.
const runPsql = `n=0
until pg_isready -q -t 2 || [ "$n" -ge 30 ]; do n=$((n+1)); sleep 1; done
exec psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 --single-transaction -f ` + sqlMount + "/" + applyFile

// schemaDeadline is how long psql may take in all tries together: a lock that nobody lets go must not keep an App waiting
// for ever.
const schemaDeadline = time.Hour

// schemaRetries is how often psql is run again, with the growing delay of Jobs, before the schema has failed for good.
const schemaRetries = 2

// maxName is the longest value of a label, and a Job's name becomes one.
const maxName = 63

// DataHolder is what a database's data lives and dies with: its PersistentVolumeClaim, or the Pod if it has no storage.
// With another one the schema is made again.
type DataHolder struct {
	UID types.UID
	// Host is where psql finds the data.
	Host string
}

// SchemaHash stands for a database's initSQL.
func SchemaHash(database v1alpha1.DatabaseSpec) string { return hash(database.InitSQL) }

// SchemaName is the name of the Job that runs a database's initSQL, and of the ConfigMap that holds it. Other
// SQL or another holder of the data has another name; another image has not, because it says nothing about the data.
func SchemaName(app *v1alpha1.App, database v1alpha1.DatabaseSpec, holder DataHolder) string {
	suffix := "-init-" + hash(app.Name, database.Name, database.InitSQL, string(holder.UID))
	prefix := ChildName(app.Name, database.Name)
	if len(prefix) > maxName-len(suffix) {
		prefix = strings.TrimRight(prefix[:maxName-len(suffix)], "-")
	}
	return prefix + suffix
}

// SchemaConfigMap holds the initSQL, and what psql makes of it.
func SchemaConfigMap(app *v1alpha1.App, database v1alpha1.DatabaseSpec, holder DataHolder) *corev1ac.ConfigMapApplyConfiguration {
	return corev1ac.ConfigMap(SchemaName(app, database, holder), app.Namespace).
		WithLabels(AppLabels(app.Name, database.Name, ComponentSchema)).
		WithOwnerReferences(appOwner(app)).
		WithData(map[string]string{initFile: database.InitSQL, applyFile: fmt.Sprintf(applySQL, SchemaHash(database))})
}

// SchemaJob runs the initSQL with psql in one transaction.
func SchemaJob(app *v1alpha1.App, database v1alpha1.DatabaseSpec, holder DataHolder) *batchv1ac.JobApplyConfiguration {
	labels := AppLabels(app.Name, database.Name, ComponentSchema)
	return batchv1ac.Job(SchemaName(app, database, holder), app.Namespace).
		WithLabels(labels).
		WithOwnerReferences(appOwner(app)).
		WithSpec(batchv1ac.JobSpec().
			WithBackoffLimit(schemaRetries).
			WithActiveDeadlineSeconds(int64(schemaDeadline / time.Second)).
			WithTemplate(corev1ac.PodTemplateSpec().
				WithLabels(labels).
				WithSpec(schemaPod(app, database, holder))))
}

func schemaPod(app *v1alpha1.App, database v1alpha1.DatabaseSpec, holder DataHolder) *corev1ac.PodSpecApplyConfiguration {
	return corev1ac.PodSpec().
		// A new Pod for every try keeps what psql said in each of them.
		WithRestartPolicy(corev1.RestartPolicyNever).
		// psql is process 1 and doesn't listen to SIGTERM.
		WithTerminationGracePeriodSeconds(2).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithSecurityContext(postgresPod(database)).
		WithImagePullSecrets(pullSecrets(database.ImagePullSecrets)...).
		WithVolumes(corev1ac.Volume().WithName(sqlVolume).WithConfigMap(
			corev1ac.ConfigMapVolumeSource().WithName(SchemaName(app, database, holder)))).
		WithContainers(corev1ac.Container().
			WithName(SchemaContainer).
			WithImage(database.Image).
			WithCommand("sh", "-c", runPsql).
			WithEnv(
				value("PGHOST", holder.Host),
				value("PGPORT", port(database)),
				value("PGCONNECT_TIMEOUT", "10"),
				fromSecret(app, database, "PGUSER", credentialUser),
				fromSecret(app, database, "PGPASSWORD", credentialPassword),
				fromSecret(app, database, "PGDATABASE", credentialDatabase),
			).
			// The last lines that psql prints are its error.
			WithTerminationMessagePolicy(corev1.TerminationMessageFallbackToLogsOnError).
			WithResources(resources(nil, "50m", "64Mi")).
			WithSecurityContext(restrictedContainer().WithReadOnlyRootFilesystem(true)).
			WithVolumeMounts(corev1ac.VolumeMount().WithName(sqlVolume).WithMountPath(sqlMount).WithReadOnly(true)))
}
