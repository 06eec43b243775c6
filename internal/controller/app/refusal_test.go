/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

func TestWhatTheServerRefusesIsInTheStatus(t *testing.T) {
	w := newWorld(t)
	broken := webService()
	broken.Resources = &v1alpha1.Resources{
		Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("2Gi")},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")},
	}
	w.create(v1alpha1.AppSpec{Services: []v1alpha1.ServiceSpec{
		broken, {Name: "api", Image: "my-org/api", Version: "v1", Port: 80},
	}})
	// One service that is refused doesn't keep the other from running.
	w.rollOut("shop-api")
	w.eventually("wait for the refusal", func() error {
		status := w.condition(v1alpha1.AppConditionReady, metav1.ConditionFalse, v1alpha1.AppReasonApplyFailed)
		message := status.Services[0].Message
		if !strings.HasPrefix(message, `applying Deployment shop-web: Deployment.apps "shop-web" is invalid: `) ||
			!strings.Contains(message, "must be less than or equal to memory limit") {
			t.Fatalf("message is %q, want the API server's own words", message)
		}
		if status.Phase != v1alpha1.AppDegraded || !status.Services[1].Ready || status.ReadyServices != "1/2" {
			return fmt.Errorf("status is %+v, want Degraded with api ready", status)
		}
		return nil
	})

	w.change(func(s *v1alpha1.AppSpec) { s.Services[0].Resources.Requests = nil })
	w.rollOut("shop-web")
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
}

func TestObjectsOfOthersAreNotTakenOver(t *testing.T) {
	yes := true
	for _, tc := range []struct {
		reason string
		owners []metav1.OwnerReference
		want   string
	}{
		{"made by hand", nil, "it exists and is not part of this App"},
		{"made by another controller",
			[]metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "chart", UID: "1", Controller: &yes}},
			"it exists and is controlled by ConfigMap chart"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			w := newWorld(t)
			theirs := &corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "shop-web", OwnerReferences: tc.owners},
				Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1}}},
			}
			w.must(w.Create(t.Context(), theirs))
			w.create(v1alpha1.AppSpec{Services: []v1alpha1.ServiceSpec{webService()}})

			status := w.condition(v1alpha1.AppConditionReady, metav1.ConditionFalse, v1alpha1.AppReasonApplyFailed)
			if got := status.Services[0].Message; !strings.Contains(got, "applying Service shop-web: "+tc.want) {
				t.Errorf("message is %q, want one with %q", got, tc.want)
			}
			now := &corev1.Service{}
			w.must(w.get("shop-web", now))
			if now.ResourceVersion != theirs.ResourceVersion {
				t.Errorf("the Service was changed: %+v", now)
			}
			w.missing("shop-web", &appsv1.Deployment{})
		})
	}
}

// TestAnAppGoesWithItsNamespace deletes a child as the namespace controller does: it can't be made again, which nobody has to mend.
func TestAnAppGoesWithItsNamespace(t *testing.T) {
	w := newWorld(t)
	w.create(v1alpha1.AppSpec{Services: []v1alpha1.ServiceSpec{webService()}})
	w.rollOut("shop-web")
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
	w.settled()

	w.must(w.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}}))
	passes := w.passes.Load()
	w.must(w.Delete(t.Context(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "shop-web"}}))
	w.eventually("wait for a pass", func() error {
		if w.passes.Load() == passes {
			return errNotYet
		}
		return nil
	})
	w.settled()
	if more := w.passes.Load() - passes; more > 2 {
		t.Errorf("%d passes over an App that goes with its namespace, want no more than it has events", more)
	}
	status := w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
	if status.Services[0].Message != "" {
		t.Errorf("the status complains: %s", status.Services[0].Message)
	}
}

func TestPodsThatCanNotStartAreInTheStatus(t *testing.T) {
	w := newWorld(t)
	w.create(v1alpha1.AppSpec{Services: []v1alpha1.ServiceSpec{webService()}})
	pod := w.startPod("shop-web", "shop-web-1", corev1.PodStatus{
		Phase: corev1.PodPending,
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "service", Image: "my-org/web:v1.0.0",
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
				Reason: "ErrImagePull", Message: "not found",
			}},
		}},
	})
	status := w.condition(v1alpha1.AppConditionReady, metav1.ConditionFalse, v1alpha1.AppReasonImagePull)
	want := `service "web": can't pull image "my-org/web:v1.0.0": ErrImagePull: not found`
	if got := status.Conditions[0].Message; got != want {
		t.Errorf("message is %q, want %q", got, want)
	}
	if status.Phase != v1alpha1.AppDegraded {
		t.Errorf("phase is %s, want Degraded", status.Phase)
	}

	w.killPod(pod)
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionFalse, v1alpha1.AppReasonReplicasUnavailable)
	w.rollOut("shop-web")
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
}

func TestSecretsThatContainersPrintAreNotShown(t *testing.T) {
	w := newWorld(t)
	w.must(w.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "api-keys"},
		StringData: map[string]string{"token": "tok/en-8812", "user": "admin"},
	}))
	spec := shop()
	spec.Services[0].EnvFrom = []corev1.EnvFromSource{
		{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "api-keys"}}},
		{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "not-there"}}},
	}
	w.create(spec)
	w.startDatabase()
	w.completeJob(w.schemaJob())
	w.startPod("shop-web", "shop-web-1", corev1.PodStatus{
		Phase: corev1.PodRunning,
		ContainerStatuses: []corev1.ContainerStatus{{
			Name: "service", RestartCount: 2,
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				ExitCode: 1, Reason: "Error", Message: "connect postgres://admin:s3cret@shop-db?token=tok%2Fen-8812: refused\n",
			}},
		}},
	})
	status := w.condition(v1alpha1.AppConditionReady, metav1.ConditionFalse, v1alpha1.AppReasonCrashLoop)
	want := `container "service" ended with exit code 1 (Error), restarted 2 times, its last lines: ` +
		"connect postgres://admin:***@shop-db?token=***: refused"
	if got := status.Services[0].Message; got != want {
		t.Errorf("message is\n%s\nwant\n%s", got, want)
	}
}
