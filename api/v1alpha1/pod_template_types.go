/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package v1alpha1

import corev1 "k8s.io/api/core/v1"

// PodTemplate is what the Pod of a run has beside what TOPAS gives it.
type PodTemplate struct {
	// labels of the Pod, beside those of TOPAS.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(key, !key.startsWith('topas.dev/') && !key.startsWith('app.kubernetes.io/'))",message="labels that begin with topas.dev/ or app.kubernetes.io/ are given by TOPAS: use a prefix of your own"
	Labels map[string]string `json:"labels,omitempty"`

	// annotations of the Pod.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Annotations map[string]string `json:"annotations,omitempty"`

	// nodeSelector names the labels of the nodes that the Pod may run on.
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// tolerations let the Pod run on nodes with these taints.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// affinity says near or far from what the Pod runs.
	// +optional
	Affinity *corev1.Affinity `json:"affinity,omitempty"`

	// resources of the container that runs the script. Without any it asks for 50m of CPU and 64Mi of memory, and may use one
	// CPU and 512Mi.
	// +optional
	Resources *Resources `json:"resources,omitempty"`

	// env are environment variables of the Pod's containers, such as HTTPS_PROXY. Scripts do not see them.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.all(v, !v.name.startsWith('TOPAS_'))",message="variables that begin with TOPAS_ are given by TOPAS: use another name"
	Env []corev1.EnvVar `json:"env,omitempty"`

	// serviceAccountName is the ServiceAccount of the Pod. Without it, TOPAS makes "<app>-runner". A ServiceAccount of yours
	// needs a RoleBinding to the ClusterRole topas-runner.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ServiceAccountName string `json:"serviceAccountName,omitempty"`

	// imagePullSecrets are the Secrets with which the runner's image is pulled.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	ImagePullSecrets []SecretReference `json:"imagePullSecrets,omitempty"`
}
