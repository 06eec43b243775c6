/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package kube gives tests a real Kubernetes API server: etcd and kube-apiserver with the kinds of topas.dev, and
// nothing else. There is no controller and no kubelet, so a test plays their part by writing status.
//
// One server takes a second or more to start, so a package starts one for all of its tests by running them through Run,
// and each test works in a namespace of its own:
//
//	func TestMain(m *testing.M) { os.Exit(kube.Run(m)) }
//
//	func TestReconcile(t *testing.T) {
//		server := kube.Start(t)
//		namespace := server.NewNamespace(t)
//		err := server.Client.Create(t.Context(), app(namespace))
//		...
//	}
//
// On Linux the server ends with the test binary also when that is killed.
//
// The binaries are looked for in the folder that KUBEBUILDER_ASSETS names; a test without them fails, it is never skipped.
package kube

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/topas-dev/topas/api/v1alpha1"
)

const assetsVariable = "KUBEBUILDER_ASSETS"

// startTimeout is generous, because machines that run several test binaries at once are slow to start a server.
const startTimeout = 2 * time.Minute

// Server is a running API server.
type Server struct {
	// Config has the rights of cluster-admin.
	Config *rest.Config
	// Client reads and writes directly, without a cache.
	Client client.Client
	// Scheme holds the kinds of Kubernetes and of topas.dev.
	Scheme *runtime.Scheme
}

// shared is the server of a test binary that runs its tests through Run.
var shared struct {
	sync.Mutex
	enabled      bool
	controlPlane *controlPlane
	server       *Server
}

// Run runs the tests of a package with one server for all of them, and returns the exit code for os.Exit. The server
// is started by the first call of Start, so a package whose selected tests need none pays nothing.
func Run(m *testing.M) int {
	shared.Lock()
	shared.enabled = true
	shared.Unlock()

	code := m.Run()

	shared.Lock()
	defer shared.Unlock()
	if shared.controlPlane == nil {
		return code
	}
	if err := shared.controlPlane.stop(); err != nil {
		fmt.Fprintf(os.Stderr, "stop the API server: %v\n", err)
		return max(code, 1)
	}
	return code
}

// Start returns a running server, or fails the test with what to do about it. Within Run it is the server of the test
// binary, else one of the test's own.
func Start(t testing.TB) *Server {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		return shared.server
	}

	server, controlPlane, err := launch()
	if err != nil {
		t.Fatalf("start an API server: %v", err)
	}
	if shared.enabled {
		shared.server, shared.controlPlane = server, controlPlane
		return server
	}
	t.Cleanup(func() {
		if err := controlPlane.stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	return server
}

// Launch starts a server for a program that is no test, which has to stop it. Configure may add to its flags, and say where its
// output goes.
func Launch(configure ...func(*envtest.APIServer)) (server *Server, stop func() error, err error) {
	server, controlPlane, err := launch(configure...)
	if err != nil {
		return nil, nil, err
	}
	return server, controlPlane.stop, nil
}

// controlPlane is etcd and kube-apiserver, and what sees to it that they don't outlive the test binary.
type controlPlane struct {
	environment *envtest.Environment
	watchdog    *Watchdog
}

func (c *controlPlane) stop() error {
	err := c.environment.Stop()
	c.watchdog.Stop()
	return err
}

func launch(configure ...func(*envtest.APIServer)) (*Server, *controlPlane, error) {
	assets, err := assetsDir()
	if err != nil {
		return nil, nil, err
	}
	root, err := moduleRoot()
	if err != nil {
		return nil, nil, err
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, nil, fmt.Errorf("registering kinds: %w", err)
		}
	}

	environment := &envtest.Environment{
		BinaryAssetsDirectory:    assets,
		CRDDirectoryPaths:        []string{filepath.Join(root, "config", "crd", "bases")},
		ErrorIfCRDPathMissing:    true,
		ControlPlaneStartTimeout: startTimeout,
		ControlPlaneStopTimeout:  startTimeout,
	}
	// The addresses of envtest's own range are few.
	environment.ControlPlane.GetAPIServer().Configure().Set("service-cluster-ip-range", "10.0.0.0/16")
	for _, f := range configure {
		f(environment.ControlPlane.GetAPIServer())
	}
	config, err := environment.Start()
	if err != nil {
		// A half-started control plane would outlive the test.
		_ = environment.Stop()
		return nil, nil, fmt.Errorf("starting etcd and kube-apiserver of %s: %w", assets, err)
	}
	// Tests wait for conditions by asking often; the server, not the client, is the limit.
	config.QPS = -1
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		_ = environment.Stop()
		return nil, nil, fmt.Errorf("making a client: %w", err)
	}
	guard, err := watchServers()
	if err != nil {
		_ = environment.Stop()
		return nil, nil, err
	}
	return &Server{Config: config, Client: c, Scheme: scheme}, &controlPlane{environment: environment, watchdog: guard}, nil
}

// assetsDir returns the folder with etcd and kube-apiserver.
func assetsDir() (string, error) {
	dir := os.Getenv(assetsVariable)
	if dir == "" {
		return "", fmt.Errorf("%s is not set: run `make envtest`, and set it to the folder that it prints", assetsVariable)
	}
	for _, name := range []string{"etcd", "kube-apiserver"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("%s=%s has no %s: run `make envtest`, and set it to the folder that it prints: %w",
				assetsVariable, dir, name, err)
		}
	}
	return dir, nil
}

// moduleRoot returns the folder with go.mod. Tests run in the folder of their package.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("looking for the root of the module: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("looking for the root of the module: no go.mod in %s or above", start)
		}
	}
}

// NewNamespace makes a namespace for the test, with these labels ("key=value"), and returns its name. It is deleted
// when the test ends, but nothing empties it, because no controller runs: what is in it can still be seen by watches of
// all namespaces.
func (s *Server) NewNamespace(t testing.TB, labels ...string) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-", Labels: map[string]string{}}}
	for _, label := range labels {
		key, value, ok := strings.Cut(label, "=")
		if !ok {
			t.Fatalf("label of a namespace is %q, must be key=value", label)
		}
		namespace.Labels[key] = value
	}
	if err := s.Client.Create(t.Context(), namespace); err != nil {
		t.Fatalf("make a namespace for the test: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context is canceled before its cleanups run.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		// A conflict says that the test has deleted it itself.
		if err := s.Client.Delete(ctx, namespace); err != nil && !apierrors.IsConflict(err) {
			t.Errorf("delete the namespace of the test: %v", err)
		}
	})
	return namespace.Name
}
