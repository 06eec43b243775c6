/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package pod carries out a run as one Pod.
package pod

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/internal/desired"
)

// Execution carries runs out as Pods. What it did before is found in the cluster; in memory it only keeps what spares requests.
type Execution struct {
	// Client reads Pods from the cache and writes.
	Client client.Client
	// Live reads from the API server itself, where a cache that lags behind would do harm.
	Live client.Reader
	// Image is the runner image.
	Image string

	// accessible are the Apps that tests have access to, by UID.
	accessible recent[types.UID]
}

// Start brings the ConfigMap, the access to the App and the Pod of a run into being, and returns what can be seen of
// the Pod. It can be repeated at any time: what is there already is kept. An error that is a *StartError says what
// it means for the run; any other is a fault on the way to the API server.
func (e *Execution) Start(ctx context.Context, run *v1alpha1.TestRun, app *v1alpha1.App) (contract.Observation, error) {
	bundle, err := desired.TestRunConfigMap(run)
	if err != nil {
		return contract.Observation{}, bundleError(err)
	}
	pod, err := desired.TestRunPod(run, app, e.Image)
	if err != nil {
		return contract.Observation{}, &StartError{Reason: v1alpha1.ReasonPodCreateFailed, Final: true, Err: err}
	}
	if _, err := ensure(ctx, e, bundle); err != nil {
		return contract.Observation{}, err
	}
	if err := e.ensureAccess(ctx, app); err != nil {
		return contract.Observation{}, err
	}
	if pod, err = ensure(ctx, e, pod); err != nil {
		e.accessible.remove(app.UID) // the ServiceAccount may be gone
		return contract.Observation{}, err
	}
	return observe(pod, time.Now()), nil
}

// Observe says how far the run has come. A Pod that the run is known to have had, and that is gone, is a verdict.
func (e *Execution) Observe(ctx context.Context, run *v1alpha1.TestRun) (contract.Observation, error) {
	pod, err := e.find(ctx, run)
	if err != nil {
		return contract.Observation{}, err
	}
	if pod != nil {
		return observe(pod, time.Now()), nil
	}
	return missing(run), nil
}

// Stop ends the Pod of a run, giving the script time to clean up. A Pod that is gone or being deleted is left alone.
func (e *Execution) Stop(ctx context.Context, run *v1alpha1.TestRun) error {
	pod, err := e.find(ctx, run)
	if err != nil {
		return err
	}
	if pod == nil || pod.DeletionTimestamp != nil {
		return nil
	}
	if err := e.Client.Delete(ctx, pod, client.Preconditions{UID: &pod.UID}); client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
		return fmt.Errorf("deleting Pod %s: %w", pod.Name, err)
	}
	return nil
}

// Alive returns the executions of which a container may be running, as the API server knows them.
func (e *Execution) Alive(ctx context.Context) ([]contract.Alive, error) {
	var found []contract.Alive
	pods := &corev1.PodList{}
	for {
		// Pods of finished runs are kept, so that there can be many: they are read in pages.
		err := e.Live.List(ctx, pods, client.Limit(500), client.Continue(pods.Continue),
			client.MatchingLabels{desired.LabelManagedBy: desired.ManagedBy, desired.LabelComponent: desired.ComponentTestRun})
		if err != nil {
			return nil, fmt.Errorf("listing the Pods of runs: %w", err)
		}
		for i := range pods.Items {
			pod := &pods.Items[i]
			if owner := metav1.GetControllerOf(pod); owner != nil && alive(pod) {
				found = append(found, contract.Alive{
					Namespace: pod.Namespace, Name: pod.Labels[desired.LabelTestRun], UID: string(owner.UID),
					App: pod.Labels[desired.LabelApp], Attempt: attemptOf(pod),
				})
			}
		}
		if pods.Continue == "" {
			return found, nil
		}
	}
}

// attemptOf is the number at the end of the name that desired.TestRunPodName gives a Pod; 1 if there is none.
func attemptOf(pod *corev1.Pod) int {
	attempt, err := strconv.Atoi(strings.TrimPrefix(pod.Name, pod.Labels[desired.LabelTestRun]+"-"))
	if err != nil {
		return 1
	}
	return attempt
}

// find returns the Pod of the attempt that is under way, or nil. The cache may not know the Pod yet, so where the run is known to have had
// one the API server has the last word.
func (e *Execution) find(ctx context.Context, run *v1alpha1.TestRun) (*corev1.Pod, error) {
	pod, err := ownPod(ctx, e.Client, run)
	if err != nil || pod != nil || run.Status.PodName == "" {
		return pod, err
	}
	return ownPod(ctx, e.Live, run)
}

func ownPod(ctx context.Context, reader client.Reader, run *v1alpha1.TestRun) (*corev1.Pod, error) {
	pod := &corev1.Pod{}
	key := types.NamespacedName{Namespace: run.Namespace, Name: desired.TestRunPodName(run.Name, run.Status.Attempt())}
	if err := reader.Get(ctx, key, pod); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading Pod %s: %w", key.Name, err)
	}
	if owner := metav1.GetControllerOf(pod); owner == nil || owner.UID != run.UID {
		return nil, nil
	}
	return pod, nil
}
