//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"encoding/json"
	"os/exec"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

const (
	frontendTarget = "http://mock-app-frontend:8080"
	echoTarget     = "grpc://mock-app-echo:50051"
)

// No request is lost while services are upgraded and scaled.
func TestUpgradeUnderTraffic(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	app := sampleApp(t, ns)
	for _, service := range app.Spec.Services {
		// The node may be busy, and takes its time to learn where requests go now.
		service.EnvVars["DRAIN_DELAY"] = "4s"
	}
	create(t, app)
	untilReady(t, app)

	traffic := startTraffic(t, ns, frontendTarget, echoTarget)
	traffic.untilOnly(t, "v1.0.0")
	change(t, app, func(spec *topasv1alpha1.AppSpec) {
		spec.Services[0].Version, spec.Services[1].Version = "v1.1.0", "v1.1.0"
	})
	traffic.untilOnly(t, "v1.1.0")

	for _, replicas := range []int32{3, 1} {
		change(t, app, func(spec *topasv1alpha1.AppSpec) {
			spec.Services[0].Replicas, spec.Services[1].Replicas = &replicas, &replicas
		})
		traffic.untilOnly(t, "v1.1.0")
	}

	got := traffic.end(t)
	t.Logf("%d requests, answers by version: %v", got.Requests, got.Versions)
}

// traffic is the load of the sample image in a Pod.
type traffic struct {
	pod     *corev1.Pod
	reports *json.Decoder
}

// trafficReport is what the load writes, again and again.
type trafficReport struct {
	Final         bool
	Requests      int
	Failures      int
	Versions      map[string]map[string]int // target -> version -> answers
	FirstFailures []struct {
		Time                      time.Time
		Target, Connection, Error string
	}
}

func startTraffic(t *testing.T, ns string, targets ...string) *traffic {
	t.Helper()
	pod := restrictedPod(ns, "load", "localhost/topas/echo:v1.0.0")
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	pod.Spec.Containers[0].Args = append([]string{"load"}, targets...)
	create(t, pod)
	until(t, pod, time.Minute, "runs", func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning },
		func(p *corev1.Pod) string { return p.Status.String() })

	log := exec.CommandContext(t.Context(), "kubectl", "-n", ns, "logs", "-f", pod.Name)
	out, err := log.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := log.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Wait() }) // it ends with the Pod or, killed, with the test
	return &traffic{pod: pod, reports: json.NewDecoder(out)}
}

// next returns the next report, if it tells of no failure.
func (tr *traffic) next(t *testing.T) trafficReport {
	t.Helper()
	var r trafficReport
	if err := tr.reports.Decode(&r); err != nil {
		t.Fatalf("reading the log of the load: %v", err)
	}
	if r.Failures > 0 {
		t.Fatalf("%d of %d requests failed, the first ones: %+v", r.Failures, r.Requests, r.FirstFailures)
	}
	return r
}

// untilOnly waits until this version has given many answers for each target, and meanwhile no other any.
func (tr *traffic) untilOnly(t *testing.T, version string) {
	t.Helper()
	const many = 100
	answers := map[string]int{}
	for answers[frontendTarget] < many || answers[echoTarget] < many {
		for target, by := range tr.next(t).Versions {
			answers[target] += by[version]
			if len(by) != 1 || by[version] == 0 {
				answers[target] = 0
			}
		}
	}
}

// end stops the load and returns what it saw in all.
func (tr *traffic) end(t *testing.T) trafficReport {
	t.Helper()
	if err := cluster.Delete(t.Context(), tr.pod); err != nil {
		t.Fatal(err)
	}
	for {
		if r := tr.next(t); r.Final {
			return r
		}
	}
}
