//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// noneLeft waits until no object of the kinds that TOPAS makes has the labels.
func noneLeft(t *testing.T, ns string, labels client.ListOption) {
	t.Helper()
	var left []string
	err := wait.PollUntilContextTimeout(t.Context(), 500*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		left = nil
		for _, list := range []client.ObjectList{
			&corev1.PodList{}, &corev1.ServiceList{}, &corev1.SecretList{}, &corev1.ConfigMapList{}, &corev1.ServiceAccountList{},
			&corev1.PersistentVolumeClaimList{},
			&appsv1.DeploymentList{}, &appsv1.ReplicaSetList{}, &batchv1.JobList{}, &rbacv1.RoleBindingList{}, &rbacv1.RoleList{},
		} {
			if err := cluster.List(ctx, list, client.InNamespace(ns), labels); err != nil {
				return false, err
			}
			items, err := meta.ExtractList(list)
			if err != nil {
				return false, err
			}
			for _, item := range items {
				left = append(left, fmt.Sprintf("%T %s", item, item.(client.Object).GetName()))
			}
		}
		return len(left) == 0, nil
	})
	if err != nil {
		t.Fatalf("left behind (%v):\n%s", err, strings.Join(left, "\n"))
	}
}
