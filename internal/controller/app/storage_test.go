/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

func TestStorageOutlivesThePodAndKeepsTheSchema(t *testing.T) {
	w := newWorld(t)
	spec := shop()
	spec.Databases[0].Storage = &v1alpha1.Storage{Size: "1Gi"}
	w.create(spec)
	claim := &corev1.PersistentVolumeClaim{}
	w.exists("shop-db", claim)
	pod := w.startDatabase()
	job := w.schemaJob()
	if got, want := job.Spec.Template.Spec.Containers[0].Env[0].Value, "shop-db."+w.namespace+".svc"; got != want {
		t.Errorf("psql connects to %s, want %s, which leads to whichever Pod has the data", got, want)
	}
	w.completeJob(job)
	w.rollOut("shop-web")
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)

	w.killPod(pod)
	w.startPod("shop-db", "shop-db-2", runningPod("10.0.0.2"))
	w.settled()
	if again := w.schemaJob(); again.UID != job.UID {
		t.Errorf("the Job was made again, though the data is the same")
	}
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)

	// Without storage the data is gone, and so the schema has to be made again.
	w.change(func(s *v1alpha1.AppSpec) { s.Databases[0].Storage = nil })
	w.eventually("wait until the claim is given up", func() error {
		w.must(w.get("shop-db", claim))
		if claim.DeletionTimestamp == nil {
			return errNotYet
		}
		return nil
	})
	w.rollOut("shop-db")
	w.completeJob(w.schemaJob(job.Name))
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionTrue, v1alpha1.AppReasonReady)
	w.quiet()
}

func TestAVolumeThatCanNotGrowIsInTheStatus(t *testing.T) {
	w := newWorld(t)
	spec := shop()
	spec.Databases[0].Storage = &v1alpha1.Storage{Size: "1Gi"}
	w.create(spec)
	w.exists("shop-db", &corev1.PersistentVolumeClaim{})
	w.change(func(s *v1alpha1.AppSpec) { s.Databases[0].Storage.Size, s.Databases[0].Image = "2Gi", "postgres:16" })
	w.condition(v1alpha1.AppConditionReady, metav1.ConditionFalse, v1alpha1.AppReasonApplyFailed)
	// The rest of the database is what the spec says all the same.
	d := &appsv1.Deployment{}
	w.must(w.get("shop-db", d))
	if got := d.Spec.Template.Spec.Containers[0].Image; got != "postgres:16" {
		t.Errorf("image is %s, want postgres:16", got)
	}
}

func TestCredentialsOfOnesOwn(t *testing.T) {
	w := newWorld(t)
	w.startShop()
	w.exists("shop-db", &corev1.Secret{})
	w.change(func(s *v1alpha1.AppSpec) {
		s.Databases[0].Credentials, s.Databases[0].CredentialsSecretRef = nil, &v1alpha1.SecretReference{Name: "vault"}
	})
	w.absent("shop-db", &corev1.Secret{})
	d := &appsv1.Deployment{}
	w.must(w.get("shop-db", d))
	for _, env := range d.Spec.Template.Spec.Containers[0].Env {
		if env.ValueFrom != nil && env.ValueFrom.SecretKeyRef.Name != "vault" {
			t.Errorf("%s comes from Secret %s, want vault", env.Name, env.ValueFrom.SecretKeyRef.Name)
		}
	}
	w.missing("vault", &corev1.Secret{}) // it is not made, and that is the kubelet's to say
}
