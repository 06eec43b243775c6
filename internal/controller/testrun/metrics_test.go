/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// gauges are the two metrics of the queue; nil while nothing is known of it.
func gauges(t *testing.T, registry *prometheus.Registry) map[string]int {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]int{}
	for _, family := range families {
		if name := family.GetName(); name == "topas_queue_depth" || name == "topas_active_runners" {
			values[name] = int(family.GetMetric()[0].GetGauge().GetValue())
		}
	}
	return values
}

// held is what the metrics should say, counted from the runs in the API server.
func (c *cluster) held() map[string]int {
	c.t.Helper()
	runs := &v1alpha1.TestRunList{}
	c.must(c.Client.List(c.t.Context(), runs, client.InNamespace(c.namespace)))
	held := map[string]int{"topas_queue_depth": 0, "topas_active_runners": 0}
	for i := range runs.Items {
		switch status := runs.Items[i].Status; {
		case status.State.Finished():
		case meta.IsStatusConditionTrue(status.Conditions, v1alpha1.TestRunConditionAdmitted):
			held["topas_active_runners"]++
		default:
			held["topas_queue_depth"]++
		}
	}
	return held
}

// do makes something happen to a run, or makes one.
func (c *cluster) do(random *rand.Rand, step int) {
	c.t.Helper()
	runs, pods := &v1alpha1.TestRunList{}, &corev1.PodList{}
	c.must(c.Client.List(c.t.Context(), runs, client.InNamespace(c.namespace)))
	c.must(c.Client.List(c.t.Context(), pods, client.InNamespace(c.namespace)))
	what := random.IntN(6)
	switch {
	case what == 0 && len(runs.Items) > 0:
		c.cancel(runs.Items[random.IntN(len(runs.Items))].Name)
	case what == 1 && len(runs.Items) > 0:
		c.must(c.Client.Delete(c.t.Context(), &runs.Items[random.IntN(len(runs.Items))]))
	case what == 2 && len(pods.Items) > 0:
		pod := &pods.Items[random.IntN(len(pods.Items))]
		if !scriptRuns(pod) && len(pod.Status.ContainerStatuses) > 0 {
			return
		}
		c.passes(pod)
	case what == 3 && len(pods.Items) > 0:
		c.collect(&pods.Items[random.IntN(len(pods.Items))])
	default:
		c.run(fmt.Sprintf("run-%d", step), func(run *v1alpha1.TestRun) {
			run.Spec.Priority, run.Spec.Retries = int32(random.IntN(3)), int32(random.IntN(2))
			if random.IntN(5) == 0 {
				run.Spec.Isolation = v1alpha1.IsolationExclusive
			}
		})
	}
}

// collectGarbage deletes the Pods of runs that are gone, as a cluster would, and ends those that were told to.
func (c *cluster) collectGarbage() {
	c.t.Helper()
	pods := &corev1.PodList{}
	c.must(c.Client.List(c.t.Context(), pods, client.InNamespace(c.namespace)))
	for i := range pods.Items {
		pod := &pods.Items[i]
		err := c.Client.Get(c.t.Context(), c.key(pod.OwnerReferences[0].Name), &v1alpha1.TestRun{})
		if err != nil || *pod.Spec.ActiveDeadlineSeconds == 1 {
			c.collect(pod)
		}
	}
}

// TestMetricsEqualTheAPIServer: whatever happens to runs, and whichever manager is asked, depth and active runners are what the
// API server holds, from the first answer on.
func TestMetricsEqualTheAPIServer(t *testing.T) {
	const steps, restartEach = 60, 15
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	c := newCluster(t)
	start := func() (*prometheus.Registry, func()) {
		registry := prometheus.NewRegistry()
		_, stop := c.manage(settings{limit: 3, startDeadline: time.Hour, registry: registry})
		return registry, stop
	}
	registry, stop := start()
	for step := range steps {
		c.do(random, step)
		c.eventually("the metrics equal the API server", func() (bool, any) {
			c.collectGarbage()
			diff := cmp.Diff(c.held(), gauges(t, registry))
			return diff == "", diff
		})
		if step%restartEach != restartEach-1 {
			continue
		}
		stop()
		want := c.held()
		registry, stop = start()
		var first map[string]int
		c.eventually("the new manager answers", func() (bool, any) {
			first = gauges(t, registry)
			return len(first) > 0, first
		})
		if diff := cmp.Diff(want, first); diff != "" {
			t.Errorf("step %d: the first answer of a new manager (-held +said):\n%s", step, diff)
		}
	}
}
