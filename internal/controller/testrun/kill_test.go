/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package testrun

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// managerVariable makes the test binary a manager, on the cluster of the kubeconfig that it names.
const managerVariable = "TOPAS_TEST_MANAGER"

// serveAsManager runs a manager until it is killed.
func serveAsManager(kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{Scheme: scheme, Cache: cache.Options{ByObject: CacheByObject()}, Metrics: metricsserver.Options{BindAddress: "0"}})
	if err != nil {
		return err
	}
	r, err := newReconciler(manager.GetClient(), manager.GetAPIReader(), settings{limit: 10, startDeadline: time.Minute})
	if err != nil {
		return err
	}
	r.Events = manager.GetEventRecorder("topas.dev/testrun-controller")
	if err := r.SetupWithManager(manager, controller.Options{MaxConcurrentReconciles: 4}); err != nil {
		return err
	}
	return manager.Start(ctrl.SetupSignalHandler())
}

// spawnManager starts a manager in a process of its own.
func (c *cluster) spawnManager(kubeconfig string) *exec.Cmd {
	c.t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), managerVariable+"="+kubeconfig)
	command.Stderr = os.Stderr
	c.must(command.Start())
	return command
}

func kill(t *testing.T, manager *exec.Cmd) {
	t.Helper()
	if err := manager.Process.Kill(); err != nil {
		t.Errorf("kill the manager: %v", err)
	}
	_ = manager.Wait() // it was killed, and says so
}

func TestManagerIsKilledWhileSixtyRunsAreUnderWay(t *testing.T) {
	const runs, limit, kills = 60, 10, 8
	c := newCluster(t)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	c.must(writeKubeconfig(c.Config, kubeconfig))
	seen := c.watchRuns()
	kubelet := c.startKubelet(limit, func() time.Duration { return time.Duration(100+rand.IntN(400)) * time.Millisecond })
	for i := range runs {
		c.run(fmt.Sprintf("run-%02d", i))
	}

	manager := c.spawnManager(kubeconfig)
	for i := range kills {
		_, before := seen.seen()
		c.eventually("the manager has done something", func() (bool, any) {
			_, ended := seen.seen()
			_, started := kubelet.seen()
			return ended >= before+runs/(2*kills) && started > ended, []int{ended, started}
		})
		kill(t, manager)
		t.Logf("kill %d after %d verdicts", i+1, before)
		manager = c.spawnManager(kubeconfig)
	}
	defer func() { kill(t, manager) }()
	c.eventually("all runs have ended", func() (bool, any) {
		_, ended := seen.seen()
		return ended == runs, ended
	})
	c.checkCounts(seen, kubelet, runs, limit)
}

func writeKubeconfig(config *rest.Config, file string) error {
	kubeconfig := api.NewConfig()
	kubeconfig.Clusters["test"] = &api.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	kubeconfig.AuthInfos["test"] = &api.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	kubeconfig.Contexts["test"] = &api.Context{Cluster: "test", AuthInfo: "test"}
	kubeconfig.CurrentContext = "test"
	return clientcmd.WriteToFile(*kubeconfig, file)
}
