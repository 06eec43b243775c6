/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package sut

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

// maxOutput is how many bytes of each output of a command are kept.
const maxOutput = 1 << 20

// Command is a program that runs in a Pod.
type Command struct {
	// Args are the program and its arguments. There is no shell, unless it is named.
	Args  []string
	Stdin string
	// Timeout is none if it is 0.
	Timeout time.Duration
}

// Executed is what became of a Command.
type Executed struct {
	Code           int
	Stdout, Stderr string
}

// Exec runs a command in the newest ready Pod of a service or database. An exit code other than 0 is no error.
func (c *Client) Exec(ctx context.Context, name string, command Command) (Executed, error) {
	if len(command.Args) == 0 {
		return Executed{}, errors.New("the command is empty")
	}
	pod, err := c.podFor(ctx, name)
	if err != nil {
		return Executed{}, err
	}
	limited, cancel := ctx, context.CancelFunc(func() {})
	if command.Timeout > 0 {
		limited, cancel = context.WithTimeoutCause(ctx, command.Timeout, errTimeout)
	}
	defer cancel()
	executed, err := c.core.exec(limited, pod, command)
	switch {
	case err != nil && errors.Is(context.Cause(limited), errTimeout):
		return Executed{}, fmt.Errorf("%q in Pod %s was not over within %s; its output: %s%s",
			strings.Join(command.Args, " "), pod.Name, command.Timeout, executed.Stdout, executed.Stderr)
	case err != nil:
		return Executed{}, fmt.Errorf("running %q in Pod %s: %w", strings.Join(command.Args, " "), pod.Name, err)
	}
	return executed, nil
}

// podFor returns a Pod that a command can run in.
func (c *Client) podFor(ctx context.Context, name string) (*corev1.Pod, error) {
	pods, err := c.podsOf(ctx, name)
	if err != nil {
		return nil, err
	}
	var running *corev1.Pod
	for i := range pods {
		if ready(&pods[i]) {
			return &pods[i], nil
		}
		if running == nil && pods[i].Status.Phase == corev1.PodRunning && pods[i].DeletionTimestamp == nil {
			running = &pods[i]
		}
	}
	if running == nil {
		return nil, fmt.Errorf("%s has no Pod that runs%s", name, c.pods(ctx, name))
	}
	return running, nil
}

func (k *core) exec(ctx context.Context, pod *corev1.Pod, command Command) (Executed, error) {
	url := k.rest.Post().Namespace(pod.Namespace).Resource("pods").Name(pod.Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: pod.Spec.Containers[0].Name, Command: command.Args,
			Stdin: command.Stdin != "", Stdout: true, Stderr: true,
		}, k.params).URL()
	modern, err := remotecommand.NewWebSocketExecutor(k.config, http.MethodGet, url.String())
	if err != nil {
		return Executed{}, err
	}
	old, err := remotecommand.NewSPDYExecutor(k.config, http.MethodPost, url)
	if err != nil {
		return Executed{}, err
	}
	executor, err := remotecommand.NewFallbackExecutor(modern, old, httpstream.IsUpgradeFailure)
	if err != nil {
		return Executed{}, err
	}
	var stdout, stderr bounded
	streams := remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr}
	if command.Stdin != "" {
		streams.Stdin = strings.NewReader(command.Stdin)
	}
	err = executor.StreamWithContext(ctx, streams)
	executed := Executed{Stdout: stdout.String(), Stderr: stderr.String()}
	if ended, ok := errors.AsType[exec.CodeExitError](err); ok {
		executed.Code, err = ended.Code, nil
	}
	return executed, err
}

// bounded keeps the beginning of what is written to it, also by what is not over when the time is.
type bounded struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept.Write(p[:min(len(p), maxOutput-b.kept.Len())])
	return len(p), nil
}

func (b *bounded) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept.String()
}
