/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"crypto/sha256"
	"encoding/hex"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// appOwner makes the App the controller of an object, so that the object goes when the App goes.
func appOwner(app *v1alpha1.App) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(v1alpha1.GroupVersion.String()).
		WithKind("App").
		WithName(app.Name).
		WithUID(app.UID).
		WithController(true).
		WithBlockOwnerDeletion(true)
}

// appService is the Service in front of the Pods of a service or database.
func appService(app *v1alpha1.App, name, component, portName string, port int32) *corev1ac.ServiceApplyConfiguration {
	return corev1ac.Service(ChildName(app.Name, name), app.Namespace).
		WithLabels(AppLabels(app.Name, name, component)).
		WithOwnerReferences(appOwner(app)).
		WithSpec(corev1ac.ServiceSpec().
			WithType(corev1.ServiceTypeClusterIP).
			WithSelector(AppSelector(app.Name, name, component)).
			WithPorts(corev1ac.ServicePort().
				WithName(portName).
				WithProtocol(corev1.ProtocolTCP).
				WithPort(port).
				WithTargetPort(intstr.FromInt32(port))))
}

// restrictedPod is the Pod level of the restricted Pod Security Standard.
func restrictedPod() *corev1ac.PodSecurityContextApplyConfiguration {
	return corev1ac.PodSecurityContext().
		WithRunAsNonRoot(true).
		WithSeccompProfile(corev1ac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))
}

// restrictedContainer is the container level of the restricted Pod Security Standard.
func restrictedContainer() *corev1ac.SecurityContextApplyConfiguration {
	return corev1ac.SecurityContext().
		WithAllowPrivilegeEscalation(false).
		WithCapabilities(corev1ac.Capabilities().WithDrop("ALL"))
}

func containerPort(name string, port int32) *corev1ac.ContainerPortApplyConfiguration {
	return corev1ac.ContainerPort().WithName(name).WithProtocol(corev1.ProtocolTCP).WithContainerPort(port)
}

// resources are what the spec says, or requests for this much if it says nothing.
func resources(spec *v1alpha1.Resources, cpu, memory string) *corev1ac.ResourceRequirementsApplyConfiguration {
	if spec == nil {
		return corev1ac.ResourceRequirements().WithRequests(corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse(cpu),
			corev1.ResourceMemory: resource.MustParse(memory),
		})
	}
	wanted := corev1ac.ResourceRequirements()
	if len(spec.Requests) > 0 {
		wanted.WithRequests(spec.Requests)
	}
	if len(spec.Limits) > 0 {
		wanted.WithLimits(spec.Limits)
	}
	return wanted
}

func pullSecrets(references []v1alpha1.SecretReference) []*corev1ac.LocalObjectReferenceApplyConfiguration {
	var secrets []*corev1ac.LocalObjectReferenceApplyConfiguration
	for _, reference := range references {
		secrets = append(secrets, corev1ac.LocalObjectReference().WithName(reference.Name))
	}
	return secrets
}

// hash is a short name for these parts, in hexadecimal digits. Different parts give different hashes, however they
// are cut.
func hash(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		sum := sha256.Sum256([]byte(part))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))[:12]
}
