/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/deployed"
)

const (
	appName = "bench"
	script  = "assert(1 + 1 == 2)"
	// warmUp is the run whose Pod is the model of the bare ones, and whose ConfigMap they use.
	warmUp = "warm-up"
	// breath lets the kubelet tidy up after a Pod that has ended, of which the API server tells nothing.
	breath = 1500 * time.Millisecond
	// cleanUpTimeout is for taking everything back, also after an interrupt.
	cleanUpTimeout = time.Minute
)

// bench is a namespace with an App, and the ways to what is measured.
type bench struct {
	cluster   client.WithWatch
	server    discovery.DiscoveryInterface
	namespace string
	scraper   *deployed.Scraper
	// podSpec is that of the Pod of a run.
	podSpec corev1.PodSpec
	runs    *subject
	pods    *subject
	stop    context.CancelFunc
}

func prepare(ctx context.Context) (b *bench, err error) {
	cluster, config, err := deployed.Connect()
	if err != nil {
		return nil, err
	}
	server, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the cluster: %w", err)
	}
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "bench-latency-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}
	if err := cluster.Create(ctx, space); err != nil {
		return nil, fmt.Errorf("making a namespace: %w", err)
	}
	b = &bench{cluster: cluster, server: server, namespace: space.Name, stop: func() {}}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.cleanUp())
		}
	}()
	if b.scraper, err = deployed.NewScraper(ctx, cluster, b.namespace); err != nil {
		return nil, err
	}
	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: appName}}
	if err := cluster.Create(ctx, app); err != nil {
		return nil, fmt.Errorf("making an App: %w", err)
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stop = stop
	if b.runs, err = b.newSubject(watching, "run", &v1alpha1.TestRunList{}, b.newRun); err != nil {
		return nil, err
	}
	if b.pods, err = b.newSubject(watching, "pod", &corev1.PodList{}, b.newPod); err != nil {
		return nil, err
	}
	return b, b.readPodSpec(ctx)
}

// readPodSpec makes a run, and takes the spec of its Pod as it was before the cluster completed it.
func (b *bench) readPodSpec(ctx context.Context) error {
	if _, err := b.runs.toEnd(ctx, warmUp); err != nil {
		return err
	}
	run := &v1alpha1.TestRun{}
	if err := b.cluster.Get(ctx, client.ObjectKey{Namespace: b.namespace, Name: warmUp}, run); err != nil {
		return fmt.Errorf("reading the first run: %w", err)
	}
	pod := &corev1.Pod{}
	if err := b.cluster.Get(ctx, client.ObjectKey{Namespace: b.namespace, Name: run.Status.PodName}, pod); err != nil {
		return fmt.Errorf("reading the Pod of the first run: %w", err)
	}
	b.podSpec = pod.Spec
	b.podSpec.NodeName = ""
	return nil
}

func (b *bench) newRun(name string) client.Object {
	return &v1alpha1.TestRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: name},
		Spec:       v1alpha1.TestRunSpec{AppName: appName, Script: script},
	}
}

func (b *bench) newPod(name string) client.Object {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: name},
		Spec:       *b.podSpec.DeepCopy(),
	}
}

// settle waits until no Pod of the namespace is alive, so that nothing of what was measured disturbs what comes next.
func (b *bench) settle(ctx context.Context) error {
	return b.until(ctx, "all Pods have ended", func() []string { return b.pods.those(false) })
}

// clear deletes what was measured, and waits until it is gone. The first run stays, for its ConfigMap.
func (b *bench) clear(ctx context.Context) error {
	others := client.MatchingFieldsSelector{Selector: fields.OneTermNotEqualSelector("metadata.name", warmUp)}
	for _, object := range []client.Object{&v1alpha1.TestRun{}, &corev1.Pod{}} {
		if err := b.cluster.DeleteAllOf(ctx, object, client.InNamespace(b.namespace), others); err != nil {
			return fmt.Errorf("deleting what was measured: %w", err)
		}
	}
	return b.until(ctx, "all Pods are gone", func() []string { return b.pods.those(true) })
}

// until waits until no Pod is in the way, and for a moment more.
func (b *bench) until(ctx context.Context, what string, inTheWay func() []string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		pods := inTheWay()
		if len(pods) == 0 {
			return pause(ctx, breath)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s (not so: %v): %w", what, pods, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func (b *bench) cleanUp() error {
	ctx, cancel := context.WithTimeout(context.Background(), cleanUpTimeout)
	defer cancel()
	b.stop()
	var failures []error
	if b.scraper != nil {
		failures = append(failures, b.scraper.Close(ctx, b.cluster, b.namespace))
	}
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.namespace}}
	if err := b.cluster.Delete(ctx, space); err != nil {
		failures = append(failures, fmt.Errorf("deleting namespace %s: %w", b.namespace, err))
	}
	return errors.Join(failures...)
}

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
