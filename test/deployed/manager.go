/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package deployed reaches the manager that `make deploy` has put into a cluster.
package deployed

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// Names of what is deployed.
const (
	Namespace     = "topas-system"
	Manager       = "topas-controller-manager"
	Lease         = "topas-manager.topas.dev"
	metricsReader = "topas-metrics-reader"
)

// Connect returns a client of the cluster that the environment names, as kubectl finds it, and how it is reached.
func Connect() (client.WithWatch, *rest.Config, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, nil, fmt.Errorf("registering kinds: %w", err)
		}
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, nil, fmt.Errorf("finding the cluster: %w", err)
	}
	config.QPS = -1 // the API server is the only limit
	cluster, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, nil, fmt.Errorf("connecting to the cluster: %w", err)
	}
	return cluster, config, nil
}

// ManagerPod returns the Pod of the one manager that is not being deleted.
func ManagerPod(ctx context.Context, cluster client.Reader) (*corev1.Pod, error) {
	pods := &corev1.PodList{}
	if err := cluster.List(ctx, pods, client.InNamespace(Namespace), client.MatchingLabels{"control-plane": "controller-manager"}); err != nil {
		return nil, fmt.Errorf("listing the Pods of the manager: %w", err)
	}
	var found *corev1.Pod
	for i := range pods.Items {
		if pods.Items[i].DeletionTimestamp != nil {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("there are several Pods of the manager, %s and %s", found.Name, pods.Items[i].Name)
		}
		found = &pods.Items[i]
	}
	if found == nil {
		return nil, fmt.Errorf("there is no Pod of the manager in namespace %s: deploy TOPAS first", Namespace)
	}
	return found, nil
}
