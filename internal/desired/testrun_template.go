/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"maps"

	corev1 "k8s.io/api/core/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// applyTemplate gives the Pod of a run what its template says. What TOPAS gives it comes first where both have a say; the API
// server refuses templates that would change it.
func applyTemplate(pod *corev1.Pod, template *v1alpha1.PodTemplate) {
	if template == nil {
		return
	}
	pod.Labels = merged(template.Labels, pod.Labels)
	pod.Annotations = merged(template.Annotations, pod.Annotations)
	pod.Spec.NodeSelector = template.NodeSelector
	pod.Spec.Tolerations = template.Tolerations
	pod.Spec.Affinity = template.Affinity
	if template.ServiceAccountName != "" {
		pod.Spec.ServiceAccountName = template.ServiceAccountName
	}
	for _, secret := range template.ImagePullSecrets {
		pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: secret.Name})
	}
	if r := template.Resources; r != nil {
		pod.Spec.Containers[0].Resources = corev1.ResourceRequirements{Limits: r.Limits, Requests: r.Requests}
	}
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			containers[i].Env = append(containers[i].Env, template.Env...)
		}
	}
}

// merged are both maps in one; where they have the same key the second wins.
func merged(first, second map[string]string) map[string]string {
	if len(first) == 0 {
		return second
	}
	all := maps.Clone(first)
	maps.Copy(all, second)
	return all
}
