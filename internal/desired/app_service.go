/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// ServiceContainer is the name of a service's container.
const ServiceContainer = "service"

// ServiceDeployment runs a service. Replicas are left out when the spec leaves them out, so that they stay with whoever
// scales the Deployment.
func ServiceDeployment(app *v1alpha1.App, service v1alpha1.ServiceSpec) *appsv1ac.DeploymentApplyConfiguration {
	labels := AppLabels(app.Name, service.Name, ComponentService)
	spec := appsv1ac.DeploymentSpec().
		WithSelector(metav1ac.LabelSelector().
			WithMatchLabels(AppSelector(app.Name, service.Name, ComponentService))).
		WithTemplate(corev1ac.PodTemplateSpec().
			WithLabels(labels).
			WithSpec(servicePod(service)))
	if service.Replicas != nil {
		spec.WithReplicas(*service.Replicas)
	}
	return appsv1ac.Deployment(ChildName(app.Name, service.Name), app.Namespace).
		WithLabels(labels).
		WithOwnerReferences(appOwner(app)).
		WithSpec(spec)
}

func servicePod(service v1alpha1.ServiceSpec) *corev1ac.PodSpecApplyConfiguration {
	return corev1ac.PodSpec().
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithSecurityContext(restrictedPod()).
		WithContainers(corev1ac.Container().
			WithName(ServiceContainer).
			WithImage(service.Reference()).
			WithEnv(serviceEnv(service.EnvVars)...).
			WithPorts(corev1ac.ContainerPort().
				WithName(portName).
				WithProtocol(corev1.ProtocolTCP).
				WithContainerPort(service.Port)).
			WithReadinessProbe(corev1ac.Probe().
				WithTCPSocket(corev1ac.TCPSocketAction().WithPort(intstr.FromInt32(service.Port))).
				WithPeriodSeconds(2)).
			WithResources(requests("50m", "64Mi")).
			WithSecurityContext(restrictedContainer()))
}

// serviceEnv is sorted, because the order of a map would roll the Pods out again and again.
func serviceEnv(vars map[string]string) []*corev1ac.EnvVarApplyConfiguration {
	var env []*corev1ac.EnvVarApplyConfiguration
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		env = append(env, corev1ac.EnvVar().WithName(name).WithValue(vars[name]))
	}
	return env
}

// ServiceService gives a service its name and address.
func ServiceService(app *v1alpha1.App, service v1alpha1.ServiceSpec) *corev1ac.ServiceApplyConfiguration {
	return appService(app, service.Name, ComponentService, service.Port)
}
