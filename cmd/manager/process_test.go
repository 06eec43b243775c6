/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"k8s.io/client-go/tools/clientcmd/api"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/topas-dev/topas/test/servers/kube"
)

// managerVariable makes the test binary the manager.
const managerVariable = "TOPAS_TEST_MANAGER"

func TestMain(m *testing.M) {
	if os.Getenv(managerVariable) != "" {
		go answer()
		main()
		os.Exit(0)
	}
	os.Exit(kube.Run(m))
}

// answer tells the test, whenever it asks, how many passes the App controller has made and how many it was given to make. It
// ends the manager when the test is gone.
func answer() {
	for questions := bufio.NewScanner(os.Stdin); questions.Scan(); {
		// In this order, so that equal numbers mean that nothing was under way at the time of the first.
		made := counted("controller_runtime_reconcile_total", "controller")
		fmt.Println(made, counted("workqueue_adds_total", "name"))
	}
	os.Exit(1)
}

// counted is the sum of the counters that belong to the App controller, by this label.
func counted(name, label string) int {
	families, _ := ctrlmetrics.Registry.Gather() // of other metrics, some can't be had before the caches are there
	sum := 0.0
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, l := range metric.GetLabel() {
				if l.GetName() == label && l.GetValue() == "app" {
					sum += metric.GetCounter().GetValue()
				}
			}
		}
	}
	return int(sum)
}

// process is a manager in a process of its own, whose requests go through a proxy of the test.
type process struct {
	t *testing.T
	// writes are the requests to change something that it has made, and leases those about its lease.
	writes, leases atomic.Int64
	ended          chan struct{}
	// err is how it ended.
	err error

	mu        sync.Mutex
	command   *exec.Cmd
	questions io.Writer
	answers   *bufio.Scanner
	killed    bool
}

// start starts a manager that sees this namespace and is killed by the fault.
func (w *world) start(f fault, flags ...string) *process {
	w.t.Helper()
	p := &process{t: w.t, ended: make(chan struct{})}
	proxy := httptest.NewServer(p.proxy(w, f))
	file := writeKubeconfig(w.t, &api.Cluster{Server: proxy.URL}, &api.AuthInfo{})

	// Requests wait until the process is known.
	p.mu.Lock()
	defer p.mu.Unlock()
	p.command = exec.Command(os.Args[0], append(flags,
		"--kubeconfig="+file, "--runner-image=topas/runner:v1", "--metrics-bind-address=0", "--health-probe-bind-address=0", "--zap-log-level=error")...)
	p.command.Env = append(os.Environ(), managerVariable+"=1")
	p.command.Stderr = w.t.Output()
	questions, err := p.command.StdinPipe()
	w.must(err)
	answers, err := p.command.StdoutPipe()
	w.must(err)
	p.questions, p.answers = questions, bufio.NewScanner(answers)
	w.must(p.command.Start())
	w.t.Cleanup(p.kill)
	go func() {
		p.err = p.command.Wait()
		close(p.ended)
		proxy.CloseClientConnections()
		proxy.Close()
	}()
	return p
}

// kill ends the process with SIGKILL. When it returns, the process is gone.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// signal announces that the process may end.
func (p *process) signal(s os.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.killed = true
	_ = p.command.Process.Signal(s) // it may have ended
}

// dead reports whether the process has ended, as it was meant to.
func (p *process) dead() bool {
	select {
	case <-p.ended:
	default:
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.killed {
		p.t.Fatalf("the manager ended by itself: %v", p.err)
	}
	return true
}

// passes is how many passes the App controller has made, and whether it has nothing left to do for now.
func (p *process) passes() (made int, rests bool) {
	given := 0
	_, err := fmt.Fprintln(p.questions)
	if err == nil && p.answers.Scan() {
		_, err = fmt.Sscan(p.answers.Text(), &made, &given)
	}
	if err != nil {
		return 0, false // it is dead, and dead says so
	}
	return made, made > 0 && made == given
}
