/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// RunnerClusterRole is what the tests of an App may do in its namespace. It is installed with the manager.
const RunnerClusterRole = "topas-runner"

// RunnerServiceAccount is the account that the tests of an App run under.
func RunnerServiceAccount(app *v1alpha1.App) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		ObjectMeta:                   runnerMeta(app),
		AutomountServiceAccountToken: new(false),
	}
}

// RunnerRoleBinding gives the account of RunnerServiceAccount the RunnerClusterRole in the App's namespace.
func RunnerRoleBinding(app *v1alpha1.App) *rbacv1.RoleBinding {
	return &rbacv1.RoleBinding{
		ObjectMeta: runnerMeta(app),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: RunnerClusterRole},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: RunnerName(app.Name), Namespace: app.Namespace}},
	}
}

func runnerMeta(app *v1alpha1.App) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:      RunnerName(app.Name),
		Namespace: app.Namespace,
		Labels: map[string]string{
			LabelInstance:  app.Name,
			LabelManagedBy: ManagedBy,
			LabelApp:       app.Name,
		},
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(app, v1alpha1.GroupVersion.WithKind("App"))},
	}
}
