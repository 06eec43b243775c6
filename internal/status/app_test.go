/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/topas-dev/topas/api/v1alpha1"
)

var (
	appNow    = metav1.NewTime(time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC))
	appBefore = metav1.NewTime(time.Date(2026, 5, 4, 11, 0, 0, 0, time.UTC))
)

// rolledOut is a Deployment with n ready replicas of the image; edits make it something else.
func rolledOut(image string, n int32, edits ...func(*appsv1.Deployment)) *appsv1.Deployment {
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Generation: 2},
		Spec: appsv1.DeploymentSpec{Replicas: &n, Template: corev1.PodTemplateSpec{
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Image: image}}},
		}},
		Status: appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: n, UpdatedReplicas: n, ReadyReplicas: n},
	}
	for _, edit := range edits {
		edit(d)
	}
	return d
}

func web(d *appsv1.Deployment, pods ...corev1.Pod) Workload {
	return Workload{Name: "web", Image: "web:v2", Address: "shop-web.qa.svc:80", Deployment: d, Pods: pods}
}

func waiting(reason, message string) corev1.Pod {
	return corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
		Name: "service", Image: "web:v2", RestartCount: 4,
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
		LastTerminationState: corev1.ContainerState{
			Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"},
		},
	}}}}
}

// restarted is a Pod of which the container has crashed and runs again.
func restarted(ready bool, said string) corev1.Pod {
	pod := waiting("", "")
	c := &pod.Status.ContainerStatuses[0]
	c.Ready, c.State = ready, corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	c.LastTerminationState.Terminated.Message = said
	return pod
}

// unanswering is a Pod that runs and does not pass this probe.
func unanswering(handler corev1.ProbeHandler) corev1.Pod {
	pod := restarted(false, "")
	pod.Name = "web-1"
	pod.Status.ContainerStatuses[0].RestartCount = 0
	pod.Spec.Containers = []corev1.Container{{Name: "proxy"}, {Name: "service", ReadinessProbe: &corev1.Probe{ProbeHandler: handler}}}
	return pod
}

func leaving(pod corev1.Pod) corev1.Pod {
	pod.DeletionTimestamp = &appNow
	return pod
}

func TestWorkloadProblem(t *testing.T) {
	two := int32(2)
	unschedulable := corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/1 nodes are available",
	}}}}
	unready := func(d *appsv1.Deployment) { d.Status.ReadyReplicas-- }
	withCondition := func(kind appsv1.DeploymentConditionType, is corev1.ConditionStatus, message string) func(*appsv1.Deployment) {
		return func(d *appsv1.Deployment) {
			d.Status.Conditions = append(d.Status.Conditions, appsv1.DeploymentCondition{Type: kind, Status: is, Message: message})
		}
	}
	for _, tc := range []struct {
		reason string
		w      Workload
		want   problem
	}{
		{"everything as wanted", web(rolledOut("web:v2", 2)), problem{}},
		{"scaled to nothing on purpose", web(rolledOut("web:v2", 0)), problem{}},
		{"refused, whatever runs", Workload{Image: "web:v2", Deployment: rolledOut("web:v2", 1), Refused: "quota"},
			problem{"ApplyFailed", "quota"}},
		{"nothing there yet", web(nil), problem{"RollingOut", "not created yet"}},
		{"the Deployment controller has not seen the change",
			web(rolledOut("web:v2", 1, func(d *appsv1.Deployment) { d.Generation++ })), problem{"RollingOut", "1 of 1 replicas ready"}},
		{"still the version before", web(rolledOut("web:v1", 1)), problem{"RollingOut", "1 of 1 replicas ready"}},
		{"an old Pod is left", web(rolledOut("web:v2", 1, func(d *appsv1.Deployment) { d.Status.Replicas++ })),
			problem{"RollingOut", "1 of 1 replicas ready"}},
		{"a Pod is not of the new version", web(rolledOut("web:v2", 2, func(d *appsv1.Deployment) { d.Status.UpdatedReplicas-- })),
			problem{"RollingOut", "2 of 2 replicas ready"}},
		{"the Deployment has not been scaled to the spec yet",
			Workload{Image: "web:v2", Replicas: &two, Deployment: rolledOut("web:v2", 1)}, problem{"RollingOut", "1 of 2 replicas ready"}},
		{"a Pod that pulls is on its way", web(rolledOut("web:v2", 1, unready), corev1.Pod{Status: corev1.PodStatus{
			ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}}},
		}}), problem{"RollingOut", "0 of 1 replicas ready"}},
		{"a probe that is not passed is named", web(rolledOut("web:v2", 1, unready), unanswering(corev1.ProbeHandler{
			HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(80)}})),
			problem{"RollingOut", "0 of 1 replicas ready, Pod web-1 runs and has not passed its readiness probe (GET /healthz on port 80)"}},
		{"gRPC too", web(rolledOut("web:v2", 1, unready), unanswering(corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 80}})),
			problem{"RollingOut", "0 of 1 replicas ready, Pod web-1 runs and has not passed its readiness probe (gRPC health check on port 80)"}},
		{"a try between two crashes has the same reason", web(rolledOut("web:v2", 1, unready), restarted(false, "")),
			problem{"CrashLoopBackOff", `container "service" ended with exit code 137 (OOMKilled), restarted 4 times`}},
		{"the last lines of the crash", web(rolledOut("web:v2", 1, unready), restarted(false, "1\n2\n3\n4\n5\npanic: no DATABASE_URL\n")),
			problem{"CrashLoopBackOff", `container "service" ended with exit code 137 (OOMKilled), restarted 4 times, its last lines: ` +
				"2\n3\n4\n5\npanic: no DATABASE_URL"}},
		{"a crash that is over", web(rolledOut("web:v2", 2, unready), restarted(true, "panic")),
			problem{"RollingOut", "1 of 2 replicas ready"}},
		{"try and pause of a pull have one reason", web(rolledOut("web:v2", 1, unready), waiting("ErrImagePull", "not found")),
			problem{"ImagePullBackOff", `can't pull image "web:v2": ErrImagePull: not found`}},
		{"exit code of the crash", web(rolledOut("web:v2", 1, unready), waiting("CrashLoopBackOff", "back-off 5m0s")),
			problem{"CrashLoopBackOff", `container "service" ended with exit code 137 (OOMKilled), restarted 4 times`}},
		{"image that runs as root", web(rolledOut("web:v2", 1, unready), waiting("CreateContainerConfigError", "image will run as root")),
			problem{"ServiceNotReady", "CreateContainerConfigError: image will run as root"}},
		{"no room", web(rolledOut("web:v2", 1, unready), unschedulable), problem{"Unschedulable", "0/1 nodes are available"}},
		{"the gravest of several", web(rolledOut("web:v2", 2, unready), unschedulable, waiting("ErrImagePull", "not found")),
			problem{"ImagePullBackOff", `can't pull image "web:v2": ErrImagePull: not found`}},
		{"a Pod that leaves doesn't count", web(rolledOut("web:v2", 1, unready), leaving(waiting("ErrImagePull", "not found"))),
			problem{"RollingOut", "0 of 1 replicas ready"}},
		{"an old Pod that still ends answers on its connections",
			web(rolledOut("web:v2", 1), leaving(corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning}})),
			problem{"RollingOut", "1 of 1 replicas ready, Pods that still end: 1"}},
		{"a quota is used up",
			web(rolledOut("web:v2", 1, unready, withCondition(appsv1.DeploymentReplicaFailure, corev1.ConditionTrue, "exceeded quota: small"))),
			problem{"QuotaExceeded", "exceeded quota: small"}},
		{"Pods that can't be created",
			web(rolledOut("web:v2", 1, unready, withCondition(appsv1.DeploymentReplicaFailure, corev1.ConditionTrue, "violates PodSecurity"))),
			problem{"ServiceNotReady", "violates PodSecurity"}},
		{"out of time",
			web(rolledOut("web:v2", 1, unready, withCondition(appsv1.DeploymentProgressing, corev1.ConditionFalse, "timed out"))),
			problem{"ReplicasUnavailable", "0 of 1 replicas ready: timed out"}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, workloadProblem(tc.w), cmp.AllowUnexported(problem{})); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
		})
	}
}

func schemaJob(conditions ...batchv1.JobConditionType) *batchv1.Job {
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "shop-db-init-1"}}
	for _, c := range conditions {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{Type: c, Status: corev1.ConditionTrue, Message: "limit reached"})
	}
	return job
}

func psqlPod(exit int32, message string, minute int) corev1.Pod {
	return corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
		State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: exit, Reason: "Error", Message: message, FinishedAt: metav1.NewTime(appNow.Add(time.Duration(minute) * time.Minute)),
		}},
	}}}}
}

func TestSchemaProblem(t *testing.T) {
	for _, tc := range []struct {
		reason string
		s      *SchemaObservation
		want   problem
	}{
		{"no initSQL", nil, problem{}},
		{"applied", &SchemaObservation{Job: schemaJob(batchv1.JobComplete)}, problem{}},
		{"applied at the second try", &SchemaObservation{Job: schemaJob(batchv1.JobComplete), Pods: []corev1.Pod{psqlPod(3, "e", 1)}}, problem{}},
		{"no Job yet", &SchemaObservation{}, problem{"SchemaPending", "the schema waits for the database"}},
		{"at work", &SchemaObservation{Job: schemaJob()}, problem{"SchemaPending", "the schema is being applied"}},
		{"tried again", &SchemaObservation{Job: schemaJob(), Pods: []corev1.Pod{psqlPod(2, "no route\n", 1)}},
			problem{"SchemaPending", "the schema is tried again: no route"}},
		{"can't start", &SchemaObservation{Job: schemaJob(), Pods: []corev1.Pod{waiting("ErrImagePull", "not found")}},
			problem{"SchemaPending", `the schema can't be applied: can't pull image "web:v2": ErrImagePull: not found`}},
		{"failed with the error of the last try", &SchemaObservation{Job: schemaJob(batchv1.JobFailed),
			Pods: []corev1.Pod{psqlPod(3, "ERROR: last", 9), psqlPod(3, "ERROR: first", 1)}}, problem{"SchemaFailed", "ERROR: last"}},
		{"failed without a word", &SchemaObservation{Job: schemaJob(batchv1.JobFailed), Pods: []corev1.Pod{psqlPod(137, "", 1)}},
			problem{"SchemaFailed", "psql ended with exit code 137 (Error)"}},
		{"failed and its Pods are gone", &SchemaObservation{Job: schemaJob(batchv1.JobFailed)}, problem{"SchemaFailed", "limit reached"}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, schemaProblem(tc.s), cmp.AllowUnexported(problem{})); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
		})
	}
}

// conditions are Ready, SchemaReady and Progressing with their times.
func conditions(generation int64, ready, schema, progressing metav1.Condition) []metav1.Condition {
	all := []metav1.Condition{ready, schema, progressing}
	for i, kind := range []string{"Ready", "SchemaReady", "Progressing"} {
		all[i].Type, all[i].ObservedGeneration = kind, generation
		if all[i].LastTransitionTime.IsZero() {
			all[i].LastTransitionTime = appNow
		}
	}
	return all
}

func is(status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Status: status, Reason: reason, Message: message}
}

func TestApp(t *testing.T) {
	db := Workload{Name: "db", Image: "postgres:15", Address: "shop-db.qa.svc:5432", Deployment: rolledOut("postgres:15", 1)}
	noSchema := is("True", "NoSchema", "no database has initSQL")
	wasReady := v1alpha1.AppStatus{
		ObservedGeneration: 3, Phase: v1alpha1.AppReady,
		Conditions: conditions(3, metav1.Condition{Status: "True", Reason: "AllReady", LastTransitionTime: appBefore},
			metav1.Condition{Status: "True", Reason: "NoSchema", LastTransitionTime: appBefore},
			metav1.Condition{Status: "False", Reason: "RolledOut", LastTransitionTime: appBefore}),
	}
	unready := rolledOut("web:v2", 1, func(d *appsv1.Deployment) { d.Status.ReadyReplicas = 0 })
	unreadyStatus := []v1alpha1.ServiceStatus{{Name: "web", Image: "web:v2", DesiredReplicas: 1, Address: "shop-web.qa.svc:80", Message: "0 of 1 replicas ready"}}

	for _, tc := range []struct {
		reason   string
		previous v1alpha1.AppStatus
		o        AppObservation
		want     v1alpha1.AppStatus
	}{
		{
			"transition times stay where nothing turns", wasReady,
			AppObservation{Generation: 4, Services: []ServiceObservation{{Workload: web(rolledOut("web:v2", 1))}}},
			v1alpha1.AppStatus{
				ObservedGeneration: 4, Phase: v1alpha1.AppReady, ReadyServices: "1/1", ReadyDatabases: "0/0",
				Services: []v1alpha1.ServiceStatus{{Name: "web", Image: "web:v2", DesiredReplicas: 1, ReadyReplicas: 1, Address: "shop-web.qa.svc:80", Ready: true}},
				Conditions: conditions(4,
					metav1.Condition{Status: "True", Reason: "AllReady", Message: "every service and database runs as the spec says", LastTransitionTime: appBefore},
					metav1.Condition{Status: "True", Reason: "NoSchema", Message: "no database has initSQL", LastTransitionTime: appBefore},
					metav1.Condition{Status: "False", Reason: "RolledOut", Message: "nothing is on its way", LastTransitionTime: appBefore}),
			},
		},
		{
			"a new generation of a ready App is on its way", wasReady,
			AppObservation{Generation: 4, Services: []ServiceObservation{{Workload: web(unready)}}},
			v1alpha1.AppStatus{
				ObservedGeneration: 4, Phase: v1alpha1.AppProgressing, ReadyServices: "0/1", ReadyDatabases: "0/0", Services: unreadyStatus,
				Conditions: conditions(4, is("False", "RollingOut", `service "web": 0 of 1 replicas ready`),
					metav1.Condition{Status: "True", Reason: "NoSchema", Message: "no database has initSQL", LastTransitionTime: appBefore},
					is("True", "RollingOut", `service "web": 0 of 1 replicas ready`)),
			},
		},
		{
			"what was ready in this generation has lost something", wasReady,
			AppObservation{Generation: 3, Services: []ServiceObservation{{Workload: web(unready)}}},
			v1alpha1.AppStatus{
				ObservedGeneration: 3, Phase: v1alpha1.AppDegraded, ReadyServices: "0/1", ReadyDatabases: "0/0", Services: unreadyStatus,
				Conditions: conditions(3, is("False", "ReplicasUnavailable", `service "web": 0 of 1 replicas ready`),
					metav1.Condition{Status: "True", Reason: "NoSchema", Message: "no database has initSQL", LastTransitionTime: appBefore},
					is("True", "ReplicasUnavailable", `service "web": 0 of 1 replicas ready`)),
			},
		},
		{
			"nothing there yet", v1alpha1.AppStatus{},
			AppObservation{Generation: 1, Services: []ServiceObservation{{Workload: web(nil)}}},
			v1alpha1.AppStatus{
				ObservedGeneration: 1, Phase: v1alpha1.AppPending, ReadyServices: "0/1", ReadyDatabases: "0/0",
				Services: []v1alpha1.ServiceStatus{{Name: "web", DesiredReplicas: 1, Address: "shop-web.qa.svc:80", Message: "not created yet"}},
				Conditions: conditions(1, is("False", "RollingOut", `service "web": not created yet`), noSchema,
					is("True", "RollingOut", `service "web": not created yet`)),
			},
		},
		{
			"an empty App is ready", v1alpha1.AppStatus{}, AppObservation{Generation: 1},
			v1alpha1.AppStatus{
				ObservedGeneration: 1, Phase: v1alpha1.AppReady, ReadyServices: "0/0", ReadyDatabases: "0/0",
				Conditions: conditions(1, is("True", "AllReady", "every service and database runs as the spec says"), noSchema,
					is("False", "RolledOut", "nothing is on its way")),
			},
		},
		{
			"while other SQL is applied, the hash is that of the schema that is there",
			v1alpha1.AppStatus{Databases: []v1alpha1.DatabaseStatus{{Name: "db", SchemaHash: "old"}}},
			AppObservation{
				Generation: 2,
				Databases:  []DatabaseObservation{{Workload: db, Schema: &SchemaObservation{Hash: "new", Job: schemaJob()}}},
				Services:   []ServiceObservation{{Workload: web(nil), Held: true}},
			},
			v1alpha1.AppStatus{
				ObservedGeneration: 2, Phase: v1alpha1.AppProgressing, ReadyServices: "0/1", ReadyDatabases: "0/1",
				Services:  []v1alpha1.ServiceStatus{{Name: "web", DesiredReplicas: 1, Address: "shop-web.qa.svc:80", Message: "waits for the databases and their schemas"}},
				Databases: []v1alpha1.DatabaseStatus{{Name: "db", Address: "shop-db.qa.svc:5432", SchemaHash: "old", Message: "the schema is being applied"}},
				Conditions: conditions(2, is("False", "SchemaPending", `database "db": the schema is being applied`),
					is("False", "SchemaPending", `database "db": the schema is being applied`),
					is("True", "SchemaPending", `database "db": the schema is being applied`)),
			},
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			tc.o.Now = appNow
			before := tc.previous.DeepCopy()
			if diff := cmp.Diff(tc.want, App(tc.previous, tc.o)); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, &tc.previous); diff != "" {
				t.Errorf("the previous status was changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMessagesNameTheGravestFirst(t *testing.T) {
	var problems []namedProblem
	for _, reason := range []string{"RollingOut", "SchemaPending", "RollingOut", "CrashLoopBackOff", "RollingOut"} {
		problems = append(problems, namedProblem{"x: ", problem{reason, strings.ToLower(reason)}})
	}
	reason, message := summary(problems)
	if want := "x: crashloopbackoff; x: schemapending; x: rollingout; and 2 more"; reason != "CrashLoopBackOff" || message != want {
		t.Errorf("summary is %s, %q, want CrashLoopBackOff, %q", reason, message, want)
	}
}
