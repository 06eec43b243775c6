/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package sut

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// labelName and labelComponent are on the Pods of a service or database, beside v1alpha1.LabelApp.
const (
	labelName      = "app.kubernetes.io/name"
	labelComponent = "app.kubernetes.io/component"
)

const (
	// shownPods and shownLines bound what an error shows of Pods, and showTimeout how long it takes to find out.
	shownPods   = 3
	shownLines  = 10
	showTimeout = 5 * time.Second
)

// core reaches the Pods of the App. It is nil without Config.Cluster.
type core struct {
	config *rest.Config
	rest   rest.Interface
	params runtime.ParameterCodec
}

func newCore(cluster *rest.Config) (*core, error) {
	if cluster == nil {
		return nil, nil
	}
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("registering the kinds of Pods: %w", err)
	}
	config := rest.CopyConfig(cluster)
	config.APIPath, config.GroupVersion = "/api", &corev1.SchemeGroupVersion
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("making a client for Pods: %w", err)
	}
	return &core{config: config, rest: client, params: runtime.NewParameterCodec(scheme)}, nil
}

// podsOf returns the Pods of a service or database, the newest first.
func (c *Client) podsOf(ctx context.Context, name string) ([]corev1.Pod, error) {
	app, err := c.App(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := statusOf(app, name); err != nil {
		return nil, err
	}
	if c.core == nil {
		return nil, errors.New("there is no way to Pods here")
	}
	list := &corev1.PodList{}
	selector := fmt.Sprintf("%s=%s,%s=%s,%s in (service, database)", v1alpha1.LabelApp, app.Name, labelName, name, labelComponent)
	err = c.core.rest.Get().Namespace(app.Namespace).Resource("pods").
		VersionedParams(&metav1.ListOptions{LabelSelector: selector}, c.core.params).Do(ctx).Into(list)
	if err != nil {
		return nil, fmt.Errorf("listing the Pods of %s: %w", name, err)
	}
	slices.SortFunc(list.Items, func(a, b corev1.Pod) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	return list.Items, nil
}

// pods describes the Pods that are not ready, for an error: why that is, and their last words.
func (c *Client) pods(ctx context.Context, name string) string {
	if c.core == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, showTimeout)
	defer cancel()
	pods, err := c.podsOf(ctx, name)
	if err != nil {
		return "\n  " + err.Error()
	}
	text, shown := "", 0
	for i := range pods {
		if ready(&pods[i]) || shown == shownPods {
			continue
		}
		shown++
		text += "\n  Pod " + pods[i].Name + ": " + trouble(&pods[i]) + c.lastWords(ctx, &pods[i])
	}
	return text
}

func ready(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && isTrue(pod, corev1.PodReady)
}

func isTrue(pod *corev1.Pod, condition corev1.PodConditionType) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == condition && c.Status == corev1.ConditionTrue
	})
}

// trouble says why a Pod is not ready.
func trouble(pod *corev1.Pod) string {
	if pod.DeletionTimestamp != nil {
		return "Terminating"
	}
	for _, container := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if said := containerTrouble(container); said != "" {
			return said
		}
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Status == corev1.ConditionFalse && condition.Reason != "" {
			return reason(condition.Reason, condition.Message)
		}
	}
	return reason(cmp.Or(pod.Status.Reason, string(pod.Status.Phase), "Pending"), pod.Status.Message)
}

func containerTrouble(s corev1.ContainerStatus) string {
	var said []string
	if s.State.Waiting != nil {
		said = append(said, reason(s.State.Waiting.Reason, s.State.Waiting.Message))
	}
	for _, ended := range []*corev1.ContainerStateTerminated{s.State.Terminated, s.LastTerminationState.Terminated} {
		if ended != nil && ended.ExitCode != 0 {
			said = append(said, reason(fmt.Sprintf("%s (exit code %d)", ended.Reason, ended.ExitCode), ended.Message))
		}
	}
	return strings.Join(said, "; ")
}

func reason(word, message string) string {
	return strings.TrimSuffix(word+": "+strings.TrimSpace(message), ": ")
}

// lastWords are the last lines of a Pod's log, or nothing if there is none.
func (c *Client) lastWords(ctx context.Context, pod *corev1.Pod) string {
	lines := int64(shownLines)
	for _, previous := range []bool{false, true} {
		text, err := c.podLog(ctx, pod, &corev1.PodLogOptions{TailLines: &lines, Previous: previous})
		if err == nil && text != "" {
			return "\n    | " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    | ")
		}
	}
	return ""
}
