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
		WithImagePullSecrets(pullSecrets(service.ImagePullSecrets)...).
		WithContainers(corev1ac.Container().
			WithName(ServiceContainer).
			WithImage(service.Reference()).
			WithCommand(service.Command...).
			WithArgs(service.Args...).
			WithEnvFrom(envFrom(service.EnvFrom)...).
			WithEnv(serviceEnv(service.EnvVars)...).
			WithPorts(containerPort(service.PortName, service.Port)).
			WithReadinessProbe(readiness(service)).
			WithResources(resources(service.Resources, "50m", "64Mi")).
			// The last lines that a service prints say why it crashes.
			WithTerminationMessagePolicy(corev1.TerminationMessageFallbackToLogsOnError).
			WithSecurityContext(restrictedContainer()))
}

func readiness(service v1alpha1.ServiceSpec) *corev1ac.ProbeApplyConfiguration {
	asked := v1alpha1.Readiness{PeriodSeconds: 2, TimeoutSeconds: 1}
	if service.Readiness != nil {
		asked = *service.Readiness
	}
	probe := corev1ac.Probe().WithPeriodSeconds(asked.PeriodSeconds).WithTimeoutSeconds(asked.TimeoutSeconds)
	switch {
	case asked.HTTPPath != "":
		return probe.WithHTTPGet(corev1ac.HTTPGetAction().WithPath(asked.HTTPPath).WithPort(intstr.FromInt32(service.Port)))
	case asked.GRPC:
		return probe.WithGRPC(corev1ac.GRPCAction().WithPort(service.Port))
	default:
		return probe.WithTCPSocket(corev1ac.TCPSocketAction().WithPort(intstr.FromInt32(service.Port)))
	}
}

// serviceEnv is sorted, because the order of a map would roll the Pods out again and again.
func serviceEnv(vars map[string]string) []*corev1ac.EnvVarApplyConfiguration {
	var env []*corev1ac.EnvVarApplyConfiguration
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		env = append(env, corev1ac.EnvVar().WithName(name).WithValue(vars[name]))
	}
	return env
}

func envFrom(sources []corev1.EnvFromSource) []*corev1ac.EnvFromSourceApplyConfiguration {
	var from []*corev1ac.EnvFromSourceApplyConfiguration
	for _, source := range sources {
		wanted := corev1ac.EnvFromSource()
		if source.Prefix != "" {
			wanted.WithPrefix(source.Prefix)
		}
		if ref := source.ConfigMapRef; ref != nil {
			wanted.ConfigMapRef = corev1ac.ConfigMapEnvSource().WithName(ref.Name)
			wanted.ConfigMapRef.Optional = ref.Optional
		}
		if ref := source.SecretRef; ref != nil {
			wanted.SecretRef = corev1ac.SecretEnvSource().WithName(ref.Name)
			wanted.SecretRef.Optional = ref.Optional
		}
		from = append(from, wanted)
	}
	return from
}

// ServiceService gives a service its name and address.
func ServiceService(app *v1alpha1.App, service v1alpha1.ServiceSpec) *corev1ac.ServiceApplyConfiguration {
	return appService(app, service.Name, ComponentService, service.PortName, service.Port)
}
