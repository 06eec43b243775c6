/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package sut

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// defaultTail is how many lines Logs returns of each Pod, and maxLog how many bytes.
	defaultTail = 1000
	maxLog      = 1 << 20
)

// LogOptions say which part of the logs is wanted.
type LogOptions struct {
	// Tail is the number of lines of each Pod, 1000 by default.
	Tail int64
	// Since leaves out what is older; 0 leaves out nothing.
	Since time.Duration
	// Previous asks for the logs of the containers that ran before those that run now.
	Previous bool
}

// Logs returns the logs of all Pods of a service or database, the oldest Pod first.
func (c *Client) Logs(ctx context.Context, name string, o LogOptions) (string, error) {
	pods, err := c.podsOf(ctx, name)
	if err != nil {
		return "", err
	}
	tail := cmp.Or(o.Tail, defaultTail)
	options := corev1.PodLogOptions{TailLines: &tail, Previous: o.Previous}
	if o.Since > 0 {
		seconds := int64((o.Since + time.Second - 1) / time.Second)
		options.SinceSeconds = &seconds
	}
	all := ""
	for _, pod := range slices.Backward(pods) {
		// What has not begun has no log.
		if pod.Status.Phase == corev1.PodPending {
			continue
		}
		text, err := c.podLog(ctx, &pod, options.DeepCopy())
		if err != nil {
			return "", fmt.Errorf("reading the log of Pod %s: %w", pod.Name, err)
		}
		all += text
	}
	return all, nil
}

func (c *Client) podLog(ctx context.Context, pod *corev1.Pod, o *corev1.PodLogOptions) (string, error) {
	most := int64(maxLog)
	o.Container, o.LimitBytes = pod.Spec.Containers[0].Name, &most
	stream, err := c.core.rest.Get().Namespace(pod.Namespace).Resource("pods").Name(pod.Name).SubResource("log").
		VersionedParams(o, c.core.params).Stream(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = stream.Close() }()
	text, err := io.ReadAll(io.LimitReader(stream, maxLog))
	return string(text), err
}
