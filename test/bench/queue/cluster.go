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
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/test/bench/process"
	"github.com/topas-dev/topas/test/servers/kube"
)

// cluster is an API server for one measurement, with a kubelet.
type cluster struct {
	*kube.Server
	*auditor
	kubelet *kubelet
	dir     string
	fail    context.CancelCauseFunc
	watches sync.WaitGroup
}

// withCluster gives work a cluster, and a context that ends with the first thing that goes wrong in it.
func withCluster(ctx context.Context, work func(context.Context, *cluster) error) (err error) {
	dir, err := os.MkdirTemp("", "topas-bench-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	auditor, configure, err := audit(dir)
	if err != nil {
		return err
	}
	defer auditor.stop()
	server, stopServer, err := kube.Launch(configure)
	if err != nil {
		return fmt.Errorf("starting an API server: %w", err)
	}
	defer func() { err = errors.Join(err, stopServer()) }()
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if err := server.Client.Create(ctx, space); err != nil {
		return fmt.Errorf("making a namespace: %w", err)
	}

	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	c := &cluster{Server: server, auditor: auditor, dir: dir, fail: fail}
	if c.kubelet, err = newKubelet(server.Client, fail); err != nil {
		return err
	}
	defer c.kubelet.pods.Wait()
	defer c.watches.Wait()
	defer fail(nil)
	if err := follow(ctx, c, &corev1.PodList{}, c.kubelet.see); err != nil {
		return err
	}
	err = work(ctx, c)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// follow shows every change of the objects in the namespace from now on, in the order in which they were made.
func follow[T client.Object](ctx context.Context, c *cluster, list client.ObjectList, see func(context.Context, watch.EventType, T)) error {
	watcher, err := client.NewWithWatch(c.Config, client.Options{Scheme: c.Scheme})
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	if err := watcher.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("listing %T: %w", list, err)
	}
	// The API server ends the watches of who is too slow for it, as is this program when many Pods change at once.
	events, err := watchtools.NewRetryWatcherWithContext(ctx, list.GetResourceVersion(), &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return watcher.Watch(ctx, list, client.InNamespace(namespace), &client.ListOptions{Raw: &options})
		},
	})
	if err != nil {
		return fmt.Errorf("watching %T: %w", list, err)
	}
	c.watches.Go(func() {
		for event := range events.ResultChan() {
			object, ok := event.Object.(T)
			if !ok {
				c.fail(fmt.Errorf("watching %T: %s %v", list, event.Type, event.Object))
				return
			}
			see(ctx, event.Type, object)
		}
		c.fail(fmt.Errorf("watching %T: the watch has ended", list)) // unless it was ended
	})
	return nil
}

// during works while the program runs, which it must not end before, and then stops it.
func (c *cluster) during(ctx context.Context, program *process.Process, work func() error) error {
	working, done := context.WithCancel(ctx)
	c.watches.Go(func() {
		select {
		case <-working.Done():
		case <-program.Exited():
			if working.Err() == nil {
				c.fail(program.Failure())
			}
		}
	})
	err := work()
	done()
	return errors.Join(err, program.Stop())
}

// serverCPU is what the API server has used until now.
func (c *cluster) serverCPU(ctx context.Context) (time.Duration, error) {
	client, err := rest.HTTPClientFor(c.Config)
	if err != nil {
		return 0, fmt.Errorf("making a client: %w", err)
	}
	metrics, err := process.ReadMetrics(ctx, client, strings.TrimSuffix(c.Config.Host, "/")+"/metrics")
	if err != nil {
		return 0, fmt.Errorf("asking the API server: %w", err)
	}
	return time.Duration(metrics.CPU() * float64(time.Second)), nil
}

// createAll makes this many objects, several at once.
func (c *cluster) createAll(ctx context.Context, n int, object func(i int) client.Object) error {
	numbers := make(chan int)
	var group sync.WaitGroup
	for range creators {
		group.Go(func() {
			for i := range numbers {
				if err := c.Client.Create(ctx, object(i)); err != nil {
					c.fail(fmt.Errorf("creating number %d: %w", i, err))
				}
			}
		})
	}
	for i := range n {
		numbers <- i
	}
	close(numbers)
	group.Wait()
	return context.Cause(ctx)
}

// await waits until that many things have ended.
func await(ctx context.Context, n int, ended <-chan string) error {
	for i := range n {
		select {
		case <-ended:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d to end, %d have: %w", n, i, context.Cause(ctx))
		}
	}
	return nil
}
