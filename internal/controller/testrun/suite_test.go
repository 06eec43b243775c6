/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/execution/pod"
	"github.com/topas-dev/topas/internal/metrics"
	"github.com/topas-dev/topas/internal/queue"
	"github.com/topas-dev/topas/test/servers/kube"
)

const (
	testApp   = "mock-app"
	testImage = "localhost/topas/runner:test"
	// patience is how long a test waits for what should come at once, on a machine that is busy.
	patience = 60 * time.Second
)

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	if kubeconfig := os.Getenv(managerVariable); kubeconfig != "" {
		fmt.Fprintln(os.Stderr, "manager:", serveAsManager(kubeconfig))
		os.Exit(1)
	}
	os.Exit(kube.Run(m))
}

// cluster is a namespace of the API server with an App in it, in which the Pods of runs must keep the restricted Pod
// Security Standard.
type cluster struct {
	*kube.Server
	t         testing.TB
	namespace string
	// late is how far the clock of the manager's incarnations is ahead.
	late time.Duration
}

func newCluster(t testing.TB) *cluster {
	server := kube.Start(t)
	c := &cluster{Server: server, t: t, namespace: server.NewNamespace(t, "pod-security.kubernetes.io/enforce=restricted")}
	app := &v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: testApp},
		Spec: v1alpha1.AppSpec{
			Services:  []v1alpha1.ServiceSpec{{Name: "frontend", Image: "my-org/web", Version: "v1.2.0", Port: 80}},
			Databases: []v1alpha1.DatabaseSpec{{Name: "db", Image: "postgres:15", CredentialsSecretRef: &v1alpha1.SecretReference{Name: "db-login"}}},
		},
	}
	c.must(server.Client.Create(t.Context(), app))
	t.Cleanup(c.empty)
	return c
}

// empty deletes what the test has left: nothing collects garbage, and the next test's manager sees every namespace.
func (c *cluster) empty() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, kind := range []client.Object{&v1alpha1.TestRun{}, &v1alpha1.App{}, &corev1.Pod{}} {
		if err := c.Client.DeleteAllOf(ctx, kind, client.InNamespace(c.namespace), client.GracePeriodSeconds(0)); err != nil {
			c.t.Errorf("empty namespace %s: %v", c.namespace, err)
		}
	}
}

func (c *cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// run creates a TestRun with an inline script, changed by the given functions.
func (c *cluster) run(name string, change ...func(*v1alpha1.TestRun)) *v1alpha1.TestRun {
	c.t.Helper()
	run := c.draft(name, change...)
	c.must(c.Client.Create(c.t.Context(), run))
	return run
}

func (c *cluster) draft(name string, change ...func(*v1alpha1.TestRun)) *v1alpha1.TestRun {
	run := &v1alpha1.TestRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name},
		Spec:       v1alpha1.TestRunSpec{AppName: testApp, Script: `print("hello")`},
	}
	for _, f := range change {
		f(run)
	}
	return run
}

// eventually waits until the condition holds. It returns what the condition saw last.
func (c *cluster) eventually(what string, condition func() (bool, any)) {
	c.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, last := condition()
		if ok {
			return
		}
		select {
		case <-deadline.C:
			c.t.Fatalf("waiting until %s: last seen: %+v", what, last)
		case <-tick.C:
		}
	}
}

// await waits until the run has the state and reason, and returns it.
func (c *cluster) await(name string, state v1alpha1.TestRunState, reason string) *v1alpha1.TestRun {
	c.t.Helper()
	run := &v1alpha1.TestRun{}
	c.eventually(name+" is "+string(state)+"/"+reason, func() (bool, any) {
		c.must(c.Client.Get(c.t.Context(), c.key(name), run))
		return run.Status.State == state && run.Status.Reason == reason, run.Status
	})
	return run
}

// awaitMessage waits until the run waits for what the words say.
func (c *cluster) awaitMessage(name, words string) {
	c.t.Helper()
	c.eventually(name+" waits: "+words, func() (bool, any) {
		run := &v1alpha1.TestRun{}
		c.must(c.Client.Get(c.t.Context(), c.key(name), run))
		return run.Status.State == v1alpha1.TestRunPending && strings.Contains(run.Status.Message, words), run.Status
	})
}

// awaitPod waits until the run has a Pod, and returns it.
func (c *cluster) awaitPod(run string) *corev1.Pod {
	c.t.Helper()
	p := &corev1.Pod{}
	c.eventually("there is a Pod of "+run, func() (bool, any) {
		err := c.Client.Get(c.t.Context(), c.key(run+"-1"), p)
		return err == nil, err
	})
	return p
}

func (c *cluster) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: c.namespace, Name: name}
}

// settings of a manager of a test.
type settings struct {
	limit         int
	perNamespace  int
	startDeadline time.Duration
	defaultTTL    time.Duration
	// clock is the time of the reconciler; nil means that of everybody.
	clock *clock
	// registry has the metrics; nil means one that nobody reads.
	registry *prometheus.Registry
}

// clock is a clock that can be put forward, so that a deadline passes when the test has seen what comes before it.
type clock struct{ ahead atomic.Int64 }

func (k *clock) now() time.Time { return time.Now().Add(time.Duration(k.ahead.Load())) }

// pass puts the clock forward, and touches the object to make the reconciler look at the clock.
func (c *cluster) pass(k *clock, d time.Duration, object client.Object) {
	c.t.Helper()
	k.ahead.Add(int64(d))
	touch := fmt.Sprintf(`{"metadata":{"annotations":{"touched":%q}}}`, k.now())
	c.must(c.Client.Patch(c.t.Context(), object, client.RawPatch(types.MergePatchType, []byte(touch))))
}

// manage starts a manager with the reconciler under test. It stops at the end of the test, or when stop is called.
func (c *cluster) manage(s settings) (r *Reconciler, stop func()) {
	c.t.Helper()
	skip := true
	manager, err := ctrl.NewManager(c.Config, ctrl.Options{
		Scheme:  c.Scheme,
		Cache:   cache.Options{ByObject: CacheByObject()},
		Metrics: metricsserver.Options{BindAddress: "0"},
	})
	c.must(err)
	r = c.reconciler(manager.GetClient(), manager.GetAPIReader(), s)
	r.Events = manager.GetEventRecorder("topas.dev/testrun-controller")
	c.must(r.SetupWithManager(manager, controller.Options{MaxConcurrentReconciles: 4, SkipNameValidation: &skip}))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- manager.Start(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			c.t.Errorf("manager: %v", err)
		}
	}
	c.t.Cleanup(stop)
	return r, stop
}

func (c *cluster) reconciler(cached client.Client, live client.Reader, s settings) *Reconciler {
	c.t.Helper()
	r, err := newReconciler(cached, live, s)
	c.must(err)
	return r
}

func newReconciler(cached client.Client, live client.Reader, s settings) (*Reconciler, error) {
	runs := queue.New(queue.Limits{Total: s.limit, PerNamespace: s.perNamespace})
	if s.registry == nil {
		s.registry = prometheus.NewRegistry()
	}
	measured, err := metrics.NewTestRuns(s.registry, runs)
	if err != nil {
		return nil, err
	}
	if s.clock == nil {
		s.clock = &clock{}
	}
	return &Reconciler{
		Client:           cached,
		Live:             live,
		Execution:        &pod.Execution{Client: cached, Live: live, Image: testImage},
		Queue:            runs,
		Metrics:          measured,
		StartDeadline:    s.startDeadline,
		DefaultTTL:       s.defaultTTL,
		PositionInterval: 100 * time.Millisecond,
		Now:              s.clock.now,
	}, nil
}
