//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// killScript kills the processes of the Pod with the UID in the environment. Control groups name the Pod, with "_" in
// place of "-" under systemd.
const killScript = `
const fs = require('fs');
const uid = process.env.POD_UID;
let killed = 0;
for (const pid of fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
  try {
    const cgroup = fs.readFileSync('/proc/' + pid + '/cgroup', 'utf8').replaceAll('_', '-');
    const program = fs.readFileSync('/proc/' + pid + '/cmdline', 'utf8').split('\0')[0];
    if (cgroup.includes('pod' + uid) && program === '/manager') {
      process.kill(Number(pid), 'SIGKILL');
      killed++;
    }
  } catch (err) {
    if (err.code !== 'ENOENT' && err.code !== 'ESRCH') throw err; // it has ended meanwhile
  }
}
console.log('killed ' + killed);
process.exit(killed === 1 ? 0 : 1);
`

// killManager ends the manager's process with SIGKILL, which deleting its Pod would not: the kubelet asks first. It
// returns when the process that comes after it is ready.
func killManager(t *testing.T) {
	t.Helper()
	manager := managerPod(t)
	restarts := manager.Status.ContainerStatuses[0].RestartCount

	root, privileged := int64(0), true
	runPrivileged(t, corev1.PodSpec{
		HostPID: true, NodeName: manager.Spec.NodeName,
		Containers: []corev1.Container{{
			Name: "killer", Image: "localhost/topas/runner:dev", Command: []string{"node", "-e", killScript},
			Env:             []corev1.EnvVar{{Name: "POD_UID", Value: string(manager.UID)}},
			SecurityContext: &corev1.SecurityContext{RunAsUser: &root, Privileged: &privileged},
		}},
	})

	last := ""
	err := wait.PollUntilContextTimeout(t.Context(), 250*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		if err := cluster.Get(ctx, client.ObjectKeyFromObject(manager), manager); err != nil {
			return false, err
		}
		c := manager.Status.ContainerStatuses[0]
		last = fmt.Sprintf("%d restarts, ready: %v", c.RestartCount, c.Ready)
		return c.RestartCount > restarts && c.Ready, nil
	})
	if err != nil {
		t.Fatalf("waiting for the manager to come back (%s): %v", last, err)
	}
}

// runPrivileged runs a Pod to its end, in a namespace that lets it do anything.
func runPrivileged(t *testing.T, spec corev1.PodSpec) {
	t.Helper()
	ns := &corev1.Namespace{}
	ns.GenerateName = "e2e-privileged-"
	ns.Labels = map[string]string{"pod-security.kubernetes.io/enforce": "privileged"}
	create(t, ns)
	defer func() {
		if err := cluster.Delete(t.Context(), ns); err != nil {
			t.Errorf("deleting namespace %s: %v", ns.Name, err)
		}
	}()
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name = ns.Name, spec.Containers[0].Name
	pod.Spec = spec
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	create(t, pod)
	until(t, pod, time.Minute, "is done", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded },
		func(p *corev1.Pod) string { return p.Status.String() })
}

// freshManager replaces the manager's Pod by one that was never killed: the kubelet restarts a container the more slowly
// the more often it has died.
func freshManager(t *testing.T) {
	t.Helper()
	old := managerPod(t)
	if err := cluster.Delete(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	gone(t, old)
	if err := managerReady(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// managerPod returns the Pod of the one manager.
func managerPod(t *testing.T) *corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	if err := cluster.List(t.Context(), &pods, client.InNamespace(systemNamespace), client.MatchingLabels{"control-plane": "controller-manager"}); err != nil {
		t.Fatal(err)
	}
	if len(pods.Items) != 1 {
		t.Fatalf("%d Pods of the manager, want 1", len(pods.Items))
	}
	return &pods.Items[0]
}
