/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package v1alpha1

import corev1 "k8s.io/api/core/v1"

// ServiceSpec is one service of the system under test.
// +kubebuilder:validation:XValidation:rule="!self.image.contains('@') && !self.image.substring(self.image.lastIndexOf('/') + 1).contains(':')",message="image must not carry a tag or digest: write the repository in image (my-org/web) and the tag in version (v1.2.0 or sha256:...)",fieldPath=".image"
type ServiceSpec struct {
	// name of the service, a DNS label. Tests call the service by it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=61
	// +kubebuilder:validation:XValidation:rule="!format.dns1035Label().validate(self).hasValue()",message="name must be a DNS label: lower case letters, digits and '-', beginning with a letter and not ending with '-', such as web-api"
	Name string `json:"name"`

	// image is the repository of the container image, without tag or digest.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image"`

	// version is the tag of the image, or its digest when it begins with "sha256:".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^(sha256:[a-f0-9]{64}|[A-Za-z0-9_][A-Za-z0-9_.-]*)$')",message="version must be an image tag such as v1.2.0, or a digest such as sha256: followed by 64 hexadecimal digits"
	Version string `json:"version"`

	// replicas is the number of Pods. When it is left out, a new service gets one, and whoever
	// scales it later (a HorizontalPodAutoscaler, say) keeps the last word.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	Replicas *int32 `json:"replicas,omitempty"`

	// port on which the service listens, and on which its Service answers.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`

	// portName is the name of the port, as service meshes read it, such as http or grpc.
	// +optional
	// +default="main"
	// +kubebuilder:validation:MaxLength=15
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$') && self.matches('[a-z]') && !self.contains('--')",message="portName must be at most 15 lower case letters, digits and '-', with a letter among them, such as http"
	PortName string `json:"portName,omitempty"`

	// command replaces the entry point of the image. It is not run in a shell.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Command []string `json:"command,omitempty"`

	// args are the arguments of the entry point, in place of those of the image.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	Args []string `json:"args,omitempty"`

	// envVars are the environment variables of the service's container. A value may hold $(NAME), which is replaced by
	// the variable of that name from envFrom, or from envVars if it comes before it in the alphabet.
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	// +kubebuilder:validation:XValidation:rule="self.all(name, name.size() <= 256 && name.matches('^[-._a-zA-Z][-._a-zA-Z0-9]*$'))",message="the names in envVars must be letters, digits, '_', '-' and '.', must not begin with a digit, and have at most 256 characters, such as LOG_LEVEL"
	EnvVars map[string]string `json:"envVars,omitempty"`

	// envFrom takes environment variables from ConfigMaps and Secrets, one for each key. It is the place for secrets:
	// the Secret "<app>-<database>" holds user, password and dbname of a database of the App.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	EnvFrom []corev1.EnvFromSource `json:"envFrom,omitempty"`

	// resources are what the container asks for and its limits. Without any it asks for 50m of CPU and 64Mi of memory.
	// +optional
	Resources *Resources `json:"resources,omitempty"`

	// readiness says when a Pod of the service gets traffic: by default as soon as the port takes connections.
	// +optional
	Readiness *Readiness `json:"readiness,omitempty"`

	// imagePullSecrets are the Secrets with which the image is pulled.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	ImagePullSecrets []SecretReference `json:"imagePullSecrets,omitempty"`
}

// Readiness is how the kubelet asks a Pod of a service whether it is ready. Without httpPath and grpc, a connection
// to the port is enough.
// +kubebuilder:validation:XValidation:rule="!has(self.httpPath) || !has(self.grpc) || !self.grpc",message="a service is asked in one way only: give readiness either httpPath or grpc"
type Readiness struct {
	// httpPath is asked by GET on the port: an answer from 200 to 399 is ready.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.startsWith('/')",message="httpPath must begin with '/', such as /healthz"
	HTTPPath string `json:"httpPath,omitempty"`

	// grpc asks the standard health service (grpc.health.v1.Health) on the port.
	// +optional
	GRPC bool `json:"grpc,omitempty"`

	// periodSeconds is the time from one question to the next.
	// +optional
	// +default=2
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	PeriodSeconds int32 `json:"periodSeconds,omitempty"`

	// timeoutSeconds is how long the answer may take.
	// +optional
	// +default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	TimeoutSeconds int32 `json:"timeoutSeconds,omitempty"`
}

// Resources are what a container asks for and may use at most.
type Resources struct {
	// limits are what the container may use at most, such as memory: 256Mi.
	// +optional
	Limits corev1.ResourceList `json:"limits,omitempty"`

	// requests are what the container asks for, such as cpu: 100m.
	// +optional
	Requests corev1.ResourceList `json:"requests,omitempty"`
}

// SecretReference names a Secret in the namespace of the App.
type SecretReference struct {
	// name of the Secret.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}
