/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/topas-dev/topas/test/servers/kube"
)

const (
	// lookEvery and calm: a manager rests when it has had nothing to do for this long, seen this often.
	lookEvery = 200 * time.Millisecond
	calm      = time.Second
	// stopTimeout is how long a manager may take to end.
	stopTimeout = 15 * time.Second
	// told is how much of the log of a manager that has failed is shown.
	told = 4 << 10
)

// manager is a running manager.
type manager struct {
	url      string
	command  *exec.Cmd
	watchdog *kube.Watchdog
	log      string
	exited   chan struct{}
}

// startManager runs the manager with its files in dir, and waits until it has read what there is.
func startManager(binary, dir string, config *rest.Config) (*manager, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := writeKubeconfig(kubeconfig, config); err != nil {
		return nil, fmt.Errorf("writing the manager's kubeconfig: %w", err)
	}
	log, err := os.Create(filepath.Join(dir, "manager.log"))
	if err != nil {
		return nil, fmt.Errorf("making the manager's log: %w", err)
	}
	defer func() { _ = log.Close() }() // the manager has its own

	command := exec.Command(binary, "--runner-image=x/y", "--health-probe-bind-address=0",
		"--metrics-secure=false", "--metrics-bind-address="+address)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	command.Stdout, command.Stderr = log, log
	// An interrupt in the terminal is for this program, which ends the manager.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting the manager: %w", err)
	}
	m := &manager{url: "http://" + address + "/metrics", command: command, log: log.Name(), exited: make(chan struct{})}
	go func() {
		_ = command.Wait() // a manager that has ended on its own is found missing
		close(m.exited)
	}()
	if m.watchdog, err = kube.Watch(strconv.Itoa(command.Process.Pid)); err != nil {
		return nil, errors.Join(err, m.stop())
	}
	return m, nil
}

// stop ends the manager as its Deployment would.
func (m *manager) stop() error {
	defer m.watchdog.Stop()
	_ = m.command.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-m.exited:
		return nil
	case <-time.After(stopTimeout):
		_ = m.command.Process.Kill()
		<-m.exited
		return fmt.Errorf("the manager did not end within %s after SIGTERM:\n%s", stopTimeout, m.lastWords())
	}
}

// rest waits until the manager has made this many passes over Apps and has nothing left to do, and returns its metrics of then.
func (m *manager) rest(ctx context.Context, passes int) (metrics, error) {
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	var last metrics
	var problem error
	since := time.Now()
	for {
		now, err := readMetrics(ctx, m.url)
		if err != nil {
			problem, last = err, nil
		} else if last == nil || now.busy() || now.passes() < float64(passes) ||
			now.passes() != last.passes() || now.requests() != last.requests() {
			problem, last, since = nil, now, time.Now()
		}
		if last != nil && time.Since(since) >= calm {
			return now, nil
		}
		select {
		case <-ticks.C:
		case <-m.exited:
			return nil, fmt.Errorf("the manager has ended:\n%s", m.lastWords())
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("waiting until the manager rests: %w", context.Cause(ctx)), problem)
		}
	}
}

func (m *manager) lastWords() []byte {
	text, err := os.ReadFile(m.log)
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(text[max(0, len(text)-told):])
}

func writeKubeconfig(file string, from *rest.Config) error {
	config := api.NewConfig()
	config.Clusters["bench"] = &api.Cluster{Server: from.Host, CertificateAuthorityData: from.CAData}
	config.AuthInfos["bench"] = &api.AuthInfo{ClientCertificateData: from.CertData, ClientKeyData: from.KeyData}
	config.Contexts["bench"] = &api.Context{Cluster: "bench", AuthInfo: "bench"}
	config.CurrentContext = "bench"
	return clientcmd.WriteToFile(*config, file)
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String(), nil
}
