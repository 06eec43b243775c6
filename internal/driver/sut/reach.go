/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package sut

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// reachInterval is how often an address is tried that refuses connections.
	reachInterval = 100 * time.Millisecond
	// dialTimeout is how long an address may say nothing.
	dialTimeout = 2 * time.Second
)

// reach waits until a service or database, which is ready, accepts connections. Its Pods are ready a moment before the
// proxy of every node knows of them: a test that called in that moment would be refused.
func (c *Client) reach(ctx context.Context, name string, trouble func(string)) error {
	target, port, ok := c.Resolve(name)
	if !ok || c.stopped(name) {
		return nil
	}
	address := net.JoinHostPort(target, strconv.Itoa(int(port)))
	return wait.PollUntilContextCancel(ctx, reachInterval, true, func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		conn, err := c.dial(ctx, "tcp", address)
		if err != nil {
			trouble(fmt.Sprintf("it is ready, but does not accept connections: %v", err))
			return false, nil
		}
		_ = conn.Close() // nothing was sent on it
		return true, nil
	})
}

// stopped reports whether it is a service that was scaled to nothing: it is ready, and nobody is there to answer.
func (c *Client) stopped(name string) bool {
	for _, s := range c.lastSeen(false).Status.Services {
		if s.Name == name {
			return s.DesiredReplicas == 0
		}
	}
	return false
}
