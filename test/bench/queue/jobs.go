/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/topas-dev/topas/test/bench/process"
)

const jobController = "kube-controller-manager"

// unlimited are the flags that lift the limits of the Job controller's client.
var unlimited = []string{"--kube-api-qps=10000", "--kube-api-burst=10000"}

// measureJobs drains Jobs by the Job controller, of which at most slots are unfinished at once.
func measureJobs(ctx context.Context, n int, flags ...string) (m measurement, err error) {
	progress("%d Jobs %v", n, flags)
	err = withCluster(ctx, func(ctx context.Context, c *cluster) error {
		flags := append([]string{"--kubeconfig=" + process.Kubeconfig(c.dir), "--controllers=job-controller",
			"--leader-elect=false", "--secure-port=0"}, flags...)
		controller, err := process.Start(filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), jobController), c.dir, c.Config, flags...)
		if err != nil {
			return err
		}
		return c.during(ctx, controller, func() error {
			j := &jobs{cluster: c, controller: controller, ended: make(chan string, slots), names: map[string]bool{}}
			m, err = j.measure(ctx, n)
			return err
		})
	})
	if err != nil {
		return m, fmt.Errorf("draining %d Jobs: %w", n, err)
	}
	return m, nil
}

// jobs is the Job controller with Jobs.
type jobs struct {
	*cluster
	controller *process.Process
	// ended are the Jobs that are complete, as they become it; names are all of them.
	ended chan string
	names map[string]bool
}

func (j *jobs) measure(ctx context.Context, n int) (m measurement, err error) {
	if err := follow(ctx, j.cluster, &batchv1.JobList{}, j.see); err != nil {
		return m, err
	}
	j.kubelet.release()
	if err := j.drain(ctx, "warmup", warmups); err != nil {
		return m, err
	}
	before, err := j.look(ctx)
	if err != nil {
		return m, err
	}
	start := time.Now()
	if err := j.drain(ctx, "job", n); err != nil {
		return m, err
	}
	took := time.Since(start)
	after, err := j.look(ctx)
	if err != nil {
		return m, err
	}
	return measurement{
		what: "Jobs", count: n, took: took,
		requests:   after.requests.since(before.requests),
		cpu:        after.used.CPU - before.used.CPU,
		peak:       after.used.PeakMemory,
		serverCPU:  after.serverCPU - before.serverCPU,
		maxRunning: j.kubelet.maxAlive(),
	}, nil
}

func (j *jobs) look(ctx context.Context) (s state, err error) {
	if s.used, err = j.controller.Usage(); err != nil {
		return s, err
	}
	if s.serverCPU, err = j.serverCPU(ctx); err != nil {
		return s, err
	}
	s.requests, err = j.counted(jobController)
	return s, err
}

// drain makes a Job as soon as there are fewer than slots that have not ended.
func (j *jobs) drain(ctx context.Context, prefix string, n int) error {
	for i := range n {
		if i >= slots {
			if err := await(ctx, 1, j.ended); err != nil {
				return err
			}
		}
		if err := j.Client.Create(ctx, job(fmt.Sprintf("%s-%d", prefix, i))); err != nil {
			return fmt.Errorf("creating a Job: %w", err)
		}
	}
	return await(ctx, min(n, slots), j.ended)
}

func (j *jobs) see(_ context.Context, _ watch.EventType, job *batchv1.Job) {
	for _, condition := range job.Status.Conditions {
		if condition.Type == batchv1.JobFailed {
			j.fail(fmt.Errorf("the Job %s failed: %s", job.Name, condition.Message))
		}
	}
	complete := slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool { return c.Type == batchv1.JobComplete })
	if complete && !j.names[job.Name] {
		j.names[job.Name] = true
		j.ended <- job.Name
	}
}

func job(name string) *batchv1.Job {
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			Containers:    []corev1.Container{{Name: "job", Image: "x/y"}},
			RestartPolicy: corev1.RestartPolicyNever,
		}}},
	}
}
