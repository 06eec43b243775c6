//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package e2e holds the tests that run against a real cluster with TOPAS deployed from
// test/e2e/config and the sample images loaded. `make test-e2e` makes all of that. What needs the manager for itself
// (its limit, its death, its settings) runs alone, and everything else side by side.
package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/yaml"

	topasv1alpha1 "github.com/topas-dev/topas/api/v1alpha1"
)

const (
	systemNamespace = "topas-system"
	managerName     = "topas-controller-manager"
	// maxConcurrent is the limit that test/e2e/config deploys the manager with.
	maxConcurrent = 10
)

var (
	cluster client.WithWatch
	// root is the project's root folder.
	root = filepath.Join("..", "..")
)

func TestMain(m *testing.M) {
	log.SetLogger(zap.New())
	if err := connect(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func connect() error {
	if err := topasv1alpha1.AddToScheme(clientgoscheme.Scheme); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("no cluster to test on, run 'make test-e2e': %w", err)
	}
	config.QPS, config.Burst = 100, 200
	if cluster, err = client.NewWithWatch(config, client.Options{Scheme: clientgoscheme.Scheme}); err != nil {
		return err
	}
	if _, err := os.Stat(kctrlPath()); err != nil {
		return fmt.Errorf("no kctrl to test with, run 'make kctrl': %w", err)
	}
	return managerReady(context.Background())
}

// managerReady waits until the manager's Deployment is rolled out.
func managerReady(ctx context.Context) error {
	last := "not seen"
	err := wait.PollUntilContextTimeout(ctx, 250*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		var d appsv1.Deployment
		if err := cluster.Get(ctx, client.ObjectKey{Namespace: systemNamespace, Name: managerName}, &d); err != nil {
			last = err.Error()
			return false, nil
		}
		last = fmt.Sprintf("%d of %d ready", d.Status.ReadyReplicas, *d.Spec.Replicas)
		return d.Status.ObservedGeneration >= d.Generation && d.Status.UpdatedReplicas == *d.Spec.Replicas &&
			d.Status.ReadyReplicas == *d.Spec.Replicas && d.Status.Replicas == *d.Spec.Replicas, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the manager (%s): %w", last, err)
	}
	return nil
}

// namespace makes a namespace that enforces the restricted Pod Security Standard, and deletes it
// at the end. What is in it is printed when the test has failed.
func namespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{}
	ns.GenerateName = "e2e-"
	ns.Labels = map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}
	if err := cluster.Create(t.Context(), ns); err != nil {
		t.Fatalf("making a namespace: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			dump(t, ns.Name)
		}
		if err := cluster.Delete(context.Background(), ns); err != nil {
			t.Errorf("deleting namespace %s: %v", ns.Name, err)
		}
	})
	return ns.Name
}

func dump(t *testing.T, ns string) {
	for _, args := range [][]string{
		{"-n", ns, "get", "apps.topas.dev,testruns,pods,jobs", "-o", "wide"},
		{"-n", ns, "get", "events", "--sort-by=.lastTimestamp"},
		{"-n", systemNamespace, "logs", "deployment/" + managerName, "--tail=60"},
	} {
		out, err := exec.Command("kubectl", args...).CombinedOutput()
		t.Logf("kubectl %v (%v):\n%s", args, err, out)
	}
}

func create(t *testing.T, obj client.Object) {
	t.Helper()
	if err := cluster.Create(t.Context(), obj); err != nil {
		t.Fatalf("creating %s: %v", obj.GetName(), err)
	}
}

// restrictedPod returns a Pod with one container that the restricted Pod Security Standard allows.
func restrictedPod(ns, name, image string) *corev1.Pod {
	no, yes := false, true
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name = ns, name
	pod.Spec = corev1.PodSpec{
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:   &yes,
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name: name, Image: image,
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: &no,
				ReadOnlyRootFilesystem:   &yes,
				Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}},
	}
	return pod
}

// sampleApp returns the App of config/samples for the namespace.
func sampleApp(t *testing.T, ns string) *topasv1alpha1.App {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "config", "samples", "app.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	app := &topasv1alpha1.App{}
	if err := yaml.UnmarshalStrict(data, app); err != nil {
		t.Fatal(err)
	}
	app.Namespace = ns
	return app
}

// testRun returns a run of an inline script against the sample App.
func testRun(ns, name, script string) *topasv1alpha1.TestRun {
	run := &topasv1alpha1.TestRun{}
	run.Namespace, run.Name = ns, name
	run.Annotations = map[string]string{topasv1alpha1.AnnotationScriptName: name + ".lua"}
	run.Spec = topasv1alpha1.TestRunSpec{AppName: "mock-app", Script: script, Timeout: "2m"}
	return run
}

// change edits the App, whatever has happened to its status meanwhile, and waits until it is as the spec says.
func change(t *testing.T, app *topasv1alpha1.App, edit func(*topasv1alpha1.AppSpec)) {
	t.Helper()
	before := app.DeepCopy()
	edit(&app.Spec)
	if err := cluster.Patch(t.Context(), app, client.MergeFrom(before)); err != nil {
		t.Fatalf("changing App %s: %v", app.Name, err)
	}
	untilReady(t, app)
}

// until waits until done returns true for the object as it is in the cluster; describe says in
// the failure what was last seen.
func until[T client.Object](t *testing.T, obj T, timeout time.Duration, what string, done func(T) bool, describe func(T) string) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, timeout, true, func(ctx context.Context) (bool, error) {
		if err := cluster.Get(ctx, client.ObjectKeyFromObject(obj), obj); err != nil {
			return false, err
		}
		return done(obj), nil
	})
	if err != nil {
		t.Fatalf("waiting until %s %s: %v; last seen: %s", obj.GetName(), what, err, describe(obj))
	}
}

func untilFinished(t *testing.T, run *topasv1alpha1.TestRun) {
	t.Helper()
	until(t, run, 4*time.Minute, "is finished", func(r *topasv1alpha1.TestRun) bool { return r.Status.State.Finished() }, describeRun)
}

func describeRun(r *topasv1alpha1.TestRun) string {
	return fmt.Sprintf("%s/%s %s", r.Status.State, r.Status.Reason, r.Status.Message)
}

func untilReady(t *testing.T, app *topasv1alpha1.App) {
	t.Helper()
	until(t, app, 5*time.Minute, "is ready", func(a *topasv1alpha1.App) bool {
		return a.Status.Phase == topasv1alpha1.AppReady && a.Status.ObservedGeneration == a.Generation
	}, describeApp)
}

func describeApp(a *topasv1alpha1.App) string {
	data, err := yaml.Marshal(a.Status)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// gone waits until nothing is left of the object.
func gone(t *testing.T, obj client.Object) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		err := cluster.Get(ctx, client.ObjectKeyFromObject(obj), obj)
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	})
	if err != nil {
		t.Fatalf("waiting until %s is gone: %v", obj.GetName(), err)
	}
}

func kctrlPath() string {
	return filepath.Join(root, "bin", "kctrl")
}

// kctrl runs the CLI and returns what it printed and its exit code.
func kctrl(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, kctrlPath(), args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("kctrl %v: %v", args, err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}
