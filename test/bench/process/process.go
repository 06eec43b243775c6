/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package process runs the programs that benchmarks measure, the manager above all, and reads what they use.
package process

import (
	"bytes"
	"errors"
	"fmt"
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
	// stopTimeout is how long a program may take to end.
	stopTimeout = 15 * time.Second
	// told is how much of the log of a program that has failed is shown.
	told = 4 << 10
)

// Process is a running program, which ends with this one.
type Process struct {
	name     string
	command  *exec.Cmd
	watchdog *kube.Watchdog
	log      string
	exited   chan struct{}
}

// Start runs the program as a client of the API server, which it finds by $KUBECONFIG. Its files are in dir.
func Start(binary, dir string, config *rest.Config, args ...string) (*Process, error) {
	name := filepath.Base(binary)
	kubeconfig := Kubeconfig(dir)
	if err := writeKubeconfig(kubeconfig, config); err != nil {
		return nil, fmt.Errorf("writing the kubeconfig of %s: %w", name, err)
	}
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, fmt.Errorf("making the log of %s: %w", name, err)
	}
	defer func() { _ = log.Close() }() // the program has its own

	command := exec.Command(binary, args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	command.Stdout, command.Stderr = log, log
	// An interrupt in the terminal is for this program, which ends the other.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &Process{name: name, command: command, log: log.Name(), exited: make(chan struct{})}
	go func() {
		_ = command.Wait() // a program that has ended on its own is found missing
		close(p.exited)
	}()
	if p.watchdog, err = kube.Watch(strconv.Itoa(command.Process.Pid)); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// Kubeconfig is the file that Start writes for the programs with their files in dir.
func Kubeconfig(dir string) string { return filepath.Join(dir, "kubeconfig") }

// Stop ends the program as its Deployment would.
func (p *Process) Stop() error {
	defer p.watchdog.Stop()
	_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopTimeout):
		_ = p.command.Process.Kill()
		<-p.exited
		return fmt.Errorf("%s did not end within %s after SIGTERM:\n%s", p.name, stopTimeout, p.lastWords())
	}
}

// Exited is closed when the program has ended, of which Failure tells.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Failure says that the program has ended when it should not have, and what it said last.
func (p *Process) Failure() error { return fmt.Errorf("%s has ended:\n%s", p.name, p.lastWords()) }

func (p *Process) lastWords() []byte {
	text, err := os.ReadFile(p.log)
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
