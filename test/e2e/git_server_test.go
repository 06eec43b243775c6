//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/topas-dev/topas/test/apps/gitserver/access"
)

const (
	gitUser     = "tester"
	gitPassword = "s3cret/pass-w0rd"
	gitToken    = "t0ken.of-the+tester"
)

// gitKeys are what the git server is known by, and whom it knows.
type gitKeys struct {
	ca         string
	userKey    string
	knownHosts string
}

// gitServer serves folders as git repositories, see test/apps/gitserver, at http://gitserver:8080, https://gitserver:8443 and
// ssh://git@gitserver:2222. In content, every repository has its files, name -> content.
func gitServer(t *testing.T, ns string, content map[string]map[string]string) gitKeys {
	t.Helper()
	labels := map[string]string{"app": "gitserver"}
	meta := metav1.ObjectMeta{Namespace: ns, Name: "gitserver", Labels: labels}
	secret, keys := gitAccess(t)
	create(t, &corev1.Secret{ObjectMeta: meta, StringData: secret})
	create(t, &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{
		{Name: "http", Port: 8080}, {Name: "https", Port: 8443}, {Name: "ssh", Port: 2222},
	}}})

	pod := restrictedPod(ns, "gitserver", "localhost/topas/gitserver:dev")
	container := &pod.Spec.Containers[0]
	container.ReadinessProbe = &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}},
	}
	mount := func(name, path string, source corev1.VolumeSource) {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: source})
		container.VolumeMounts = append(container.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: path})
	}
	mount("tmp", "/tmp", corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}})
	mount("access", "/access", corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "gitserver"}})
	for name, files := range content {
		create(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "git-" + name}, Data: files})
		reference := corev1.LocalObjectReference{Name: "git-" + name}
		mount("git-"+name, "/content/"+name, corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: reference}})
	}
	server := &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod.Spec},
	}}
	create(t, server)
	until(t, server, time.Minute, "is ready", func(d *appsv1.Deployment) bool { return d.Status.ReadyReplicas == 1 },
		func(d *appsv1.Deployment) string { return d.Status.String() })
	return keys
}

// gitAccess makes what the server has below /access, and what its users need of it.
func gitAccess(t *testing.T) (map[string]string, gitKeys) {
	t.Helper()
	ca, certificate, key, err := access.NewCertificate("gitserver")
	if err != nil {
		t.Fatal(err)
	}
	hostPEM, host := gitKey(t)
	userPEM, user := gitKey(t)
	return map[string]string{
		"username": gitUser, "password": gitPassword, "token": gitToken, "tls.crt": certificate, "tls.key": key,
		"ssh-host-key": hostPEM, "ssh-authorized": string(ssh.MarshalAuthorizedKey(user.PublicKey())),
	}, gitKeys{ca: ca, userKey: userPEM, knownHosts: access.KnownHost("gitserver:2222", host)}
}

func gitKey(t *testing.T) (string, ssh.Signer) {
	t.Helper()
	private, signer, err := access.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return private, signer
}
