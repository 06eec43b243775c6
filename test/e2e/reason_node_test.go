//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"context"
	"os/exec"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

// freezeScript stops the kubelet for a while, as a node that hangs does. It goes on whatever becomes of the test.
const freezeScript = `
const fs = require('fs');
const kubelets = fs.readdirSync('/proc').filter((pid) => {
  try {
    return fs.readFileSync('/proc/' + pid + '/cmdline', 'utf8').split('\0')[0].split('/').pop() === 'kubelet';
  } catch (err) {
    return false; // no process, or one that has ended meanwhile
  }
}).map(Number);
if (kubelets.length !== 1) {
  console.log('there are ' + kubelets.length + ' kubelets');
  process.exit(1);
}
process.kill(kubelets[0], 'SIGSTOP');
setTimeout(() => process.kill(kubelets[0], 'SIGCONT'), 75000);
`

// A run whose node does not answer ends half a minute after it should have.
func TestNodeThatDoesNotAnswer(t *testing.T) {
	ns := namespace(t)
	emptyApp(t, ns)
	run := testRun(ns, "lost", endless)
	begin(t, run)
	pod := podOf(run)
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(pod), pod); err != nil {
		t.Fatal(err)
	}
	thawed := freeze(t, pod.Spec.NodeName)
	if err := cluster.Delete(t.Context(), pod, client.GracePeriodSeconds(1)); err != nil {
		t.Fatal(err)
	}
	checkEnd(t, run, topasv1alpha1.TestRunError, topasv1alpha1.ReasonNodeLost, pod.Name, pod.Spec.NodeName)
	thawed()
	gone(t, pod)
}

// freeze stops the kubelet of the node, and returns what waits until it is back.
func freeze(t *testing.T, node string) (thawed func()) {
	t.Helper()
	ns := &corev1.Namespace{}
	ns.Name = namespace(t)
	before := ns.DeepCopy()
	ns.Labels = map[string]string{"pod-security.kubernetes.io/enforce": "privileged"}
	if err := cluster.Patch(t.Context(), ns, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
	answers := func(ctx context.Context) error {
		return exec.CommandContext(ctx, "kubectl", "get", "--request-timeout=2s", "--raw", "/api/v1/nodes/"+node+"/proxy/healthz").Run()
	}
	if err := answers(t.Context()); err != nil {
		t.Fatalf("the kubelet of node %s does not answer: %v", node, err)
	}
	root, privileged := int64(0), true
	freezer := &corev1.Pod{}
	freezer.Namespace, freezer.Name = ns.Name, "freezer"
	freezer.Spec = corev1.PodSpec{
		HostPID: true, NodeName: node, RestartPolicy: corev1.RestartPolicyNever,
		Containers: []corev1.Container{{
			Name: "freezer", Image: "localhost/topas/runner:dev", Command: []string{"node", "-e", freezeScript},
			SecurityContext: &corev1.SecurityContext{RunAsUser: &root, Privileged: &privileged},
		}},
	}
	create(t, freezer)
	thawed = func() {
		until(t, freezer, 3*time.Minute, "is done", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded },
			func(p *corev1.Pod) string { return p.Status.String() })
	}
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		return answers(ctx) != nil, nil
	})
	if err != nil {
		t.Fatalf("waiting until the kubelet of node %s is frozen: %v", node, err)
	}
	return thawed
}
