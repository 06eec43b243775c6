/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"fmt"
	"path"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// runnerUser is the user of the runner image. Giving it here lets the kubelet hand the token to this user alone.
const runnerUser = int64(65532)

const (
	volumeBundle = "bundle"
	volumeSource = "source"
	volumeTemp   = "tmp"
	volumeToken  = "token"
	// volumeCredentials is only there for Apps that need it.
	volumeCredentials = "credentials"
	// volumeGitCredentials is only there for a git source with a Secret.
	volumeGitCredentials = "git-credentials"
)

// tokenDir is where every Kubernetes client looks for the credentials of its Pod.
const tokenDir = "/var/run/secrets/kubernetes.io/serviceaccount"

// TestRunPod is the Pod that carries the attempt of a run which is under way out, on the given App, with the given runner image.
func TestRunPod(run *v1alpha1.TestRun, app *v1alpha1.App, image string) (*corev1.Pod, error) {
	timeout, err := TestRunTimeout(run)
	if err != nil {
		return nil, err
	}
	pod := &corev1.Pod{
		ObjectMeta: testRunMeta(run, TestRunPodName(run.Name, run.Status.Attempt())),
		Spec: corev1.PodSpec{
			Containers:                    []corev1.Container{runnerContainer(run, app, image, timeout)},
			RestartPolicy:                 corev1.RestartPolicyNever,
			ActiveDeadlineSeconds:         new(int64(TestRunPodDeadline(timeout) / time.Second)),
			TerminationGracePeriodSeconds: new(int64(30)),
			ServiceAccountName:            RunnerName(app.Name),
			AutomountServiceAccountToken:  new(false),
			EnableServiceLinks:            new(false),
			SecurityContext:               podSecurity(),
			Volumes:                       []corev1.Volume{bundleVolume(run), scratchVolume(volumeTemp, "256Mi"), tokenVolume()},
		},
	}
	if run.Spec.Git != nil {
		pod.Spec.InitContainers = []corev1.Container{fetchContainer(run, image)}
		pod.Spec.Volumes = append(pod.Spec.Volumes, scratchVolume(volumeSource, "2Gi"))
		if run.Spec.Git.SecretRef != nil {
			pod.Spec.Volumes = append(pod.Spec.Volumes, gitCredentialsVolume(run.Spec.Git.SecretRef.Name))
		}
	}
	if sources := credentialSources(app); len(sources) > 0 {
		pod.Spec.Volumes = append(pod.Spec.Volumes, credentialsVolume(sources))
		runner := &pod.Spec.Containers[0]
		runner.VolumeMounts = append(runner.VolumeMounts,
			corev1.VolumeMount{Name: volumeCredentials, MountPath: contract.CredentialsDir, ReadOnly: true})
	}
	mountSecrets(pod, run.Spec.Secrets)
	applyTemplate(pod, run.Spec.PodTemplate)
	return pod, nil
}

func runnerContainer(run *v1alpha1.TestRun, app *v1alpha1.App, image string, timeout time.Duration) corev1.Container {
	script, roots := TestRunScriptName(run), []string{contract.BundleDir}
	mounts := []corev1.VolumeMount{
		{Name: volumeBundle, MountPath: contract.BundleDir, ReadOnly: true},
		{Name: volumeTemp, MountPath: contract.TempDir},
		{Name: volumeToken, MountPath: tokenDir, ReadOnly: true},
	}
	if run.Spec.Git != nil {
		script, roots = run.Spec.Git.Path, []string{contract.SourceDir, contract.BundleDir}
		mounts = append(mounts, corev1.VolumeMount{Name: volumeSource, MountPath: contract.SourceDir})
	}
	return corev1.Container{
		Name:  contract.RunnerContainer,
		Image: image,
		Args:  []string{"run"},
		Env: []corev1.EnvVar{
			{Name: contract.EnvRun, Value: run.Name},
			{Name: contract.EnvRunUID, Value: string(run.UID)},
			{Name: contract.EnvNamespace, Value: run.Namespace},
			{Name: contract.EnvApp, Value: app.Name},
			{Name: contract.EnvTimeout, Value: timeout.String()},
			{Name: contract.EnvScript, Value: literal(script)},
			{Name: contract.EnvRoots, Value: strings.Join(roots, ":")},
		},
		// Newman needs 300 to 400 MB.
		Resources:                containerResources("512Mi"),
		SecurityContext:          containerSecurity(),
		TerminationMessagePath:   contract.TerminationLog,
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		VolumeMounts:             mounts,
	}
}

// fetchContainer clones the git source. It talks to the outside and has no need of the cluster, so it gets no token.
func fetchContainer(run *v1alpha1.TestRun, image string) corev1.Container {
	container := corev1.Container{
		Name:  contract.FetchContainer,
		Image: image,
		Args:  []string{"fetch"},
		Env: []corev1.EnvVar{
			{Name: contract.EnvRun, Value: run.Name},
			{Name: contract.EnvNamespace, Value: run.Namespace},
			{Name: contract.EnvGitURL, Value: literal(run.Spec.Git.URL)},
			{Name: contract.EnvGitPath, Value: literal(run.Spec.Git.Path)},
			{Name: contract.EnvGitRevision, Value: literal(run.Spec.Git.Revision)},
		},
		Resources:                containerResources("256Mi"),
		SecurityContext:          containerSecurity(),
		TerminationMessagePath:   contract.TerminationLog,
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		VolumeMounts: []corev1.VolumeMount{
			{Name: volumeSource, MountPath: contract.SourceDir},
			{Name: volumeTemp, MountPath: contract.TempDir},
		},
	}
	if secret := run.Spec.Git.SecretRef; secret != nil {
		container.Env = append(container.Env, corev1.EnvVar{Name: contract.EnvGitSecret, Value: secret.Name})
		container.VolumeMounts = append(container.VolumeMounts,
			corev1.VolumeMount{Name: volumeGitCredentials, MountPath: contract.GitCredentialsDir, ReadOnly: true})
	}
	return container
}

// literal keeps the kubelet from replacing what looks like a reference to another variable in value.
func literal(value string) string { return strings.ReplaceAll(value, "$", "$$") }

func containerResources(memory string) corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("50m"),
			corev1.ResourceMemory: resource.MustParse("64Mi"),
		},
		Limits: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("1"),
			corev1.ResourceMemory: resource.MustParse(memory),
		},
	}
}

func podSecurity() *corev1.PodSecurityContext {
	return &corev1.PodSecurityContext{
		RunAsNonRoot:   new(true),
		RunAsUser:      new(runnerUser),
		RunAsGroup:     new(runnerUser),
		FSGroup:        new(runnerUser),
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

func containerSecurity() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: new(false),
		ReadOnlyRootFilesystem:   new(true),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}

func bundleVolume(run *v1alpha1.TestRun) corev1.Volume {
	return corev1.Volume{Name: volumeBundle, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: TestRunConfigMapName(run.Name)},
		Items:                bundleItems(run),
		DefaultMode:          new(int32(0o444)),
	}}}
}

func scratchVolume(name, limit string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: new(resource.MustParse(limit))}}}
}

// tokenVolume is what Kubernetes mounts into every container of a Pod by itself. It is written out here so that only
// the runner gets it.
func tokenVolume() corev1.Volume {
	return corev1.Volume{Name: volumeToken, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: new(int32(0o440)),
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: new(int64(3607))}},
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
				Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}},
			}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
				{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}},
			}}},
		},
	}}}
}

// credentialSources are the Secrets that databases of the App have their credentials in. The runner gets them as files,
// because it may not read Secrets. One that is missing is for the test to complain about, should it use the database.
func credentialSources(app *v1alpha1.App) []corev1.VolumeProjection {
	var sources []corev1.VolumeProjection
	for _, database := range app.Spec.Databases {
		if database.CredentialsSecretRef == nil {
			continue
		}
		secret := &corev1.SecretProjection{
			LocalObjectReference: corev1.LocalObjectReference{Name: database.CredentialsSecretRef.Name},
			Optional:             new(true),
		}
		for _, key := range []string{credentialUser, credentialPassword, credentialDatabase} {
			secret.Items = append(secret.Items, corev1.KeyToPath{Key: key, Path: path.Join(database.Name, key)})
		}
		sources = append(sources, corev1.VolumeProjection{Secret: secret})
	}
	return sources
}

func credentialsVolume(sources []corev1.VolumeProjection) corev1.Volume {
	return corev1.Volume{Name: volumeCredentials, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		DefaultMode: new(int32(0o440)),
		Sources:     sources,
	}}}
}

// mountSecrets gives the runner the Secrets of the run. They are optional for the reason that gitCredentialsVolume has.
func mountSecrets(pod *corev1.Pod, secrets []string) {
	if len(secrets) == 0 {
		return
	}
	runner := &pod.Spec.Containers[0]
	runner.Env = append(runner.Env, corev1.EnvVar{Name: contract.EnvSecrets, Value: strings.Join(secrets, ",")})
	for i, secret := range secrets {
		volume := fmt.Sprintf("secret-%d", i+1)
		pod.Spec.Volumes = append(pod.Spec.Volumes, secretVolume(volume, secret))
		runner.VolumeMounts = append(runner.VolumeMounts,
			corev1.VolumeMount{Name: volume, MountPath: path.Join(contract.SecretsDir, secret), ReadOnly: true})
	}
}

// gitCredentialsVolume is optional, because the kubelet tells of a missing Secret in events alone and would let the run
// wait for its start deadline. The fetch container says at once what is missing.
func gitCredentialsVolume(secret string) corev1.Volume {
	return secretVolume(volumeGitCredentials, secret)
}

func secretVolume(name, secret string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
		SecretName:  secret,
		DefaultMode: new(int32(0o440)),
		Optional:    new(true),
	}}}
}
