/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package net calls the system under test over HTTP and gRPC.
//
// A host that the Resolver knows is reached at its address in the cluster, and on the service's own port where none is
// given. The name itself stays what the caller wrote: in the Host header, as gRPC authority and as TLS server name.
package net

import (
	"context"
	stdnet "net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	// DefaultTimeout of a request or call, all of it included.
	DefaultTimeout = 30 * time.Second
	// MaxBody is how many bytes the body of a response may have, and a gRPC message.
	MaxBody = 64 << 20
)

// Resolver knows the hosts of the App under test.
type Resolver interface {
	// Resolve returns where a host is reached: the name to dial and the service's own port. It is not ok for a host
	// that is not of the App, which is dialed by its own name.
	Resolve(host string) (target string, port int32, ok bool)
}

// Client makes requests and calls. It keeps connections and gRPC descriptors, and may be used by many goroutines.
type Client struct {
	resolver Resolver
	dialer   stdnet.Dialer

	mutex      sync.Mutex
	transports map[TLS]*http.Transport
	peers      map[peerKey]*peer
}

// NewClient returns a client without connections. Close frees those that it makes.
func NewClient(resolver Resolver) *Client {
	return &Client{resolver: resolver, transports: map[TLS]*http.Transport{}, peers: map[peerKey]*peer{}}
}

// Close ends all idle connections, and all gRPC calls that are under way.
func (c *Client) Close() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, transport := range c.transports {
		transport.CloseIdleConnections()
	}
	for key, peer := range c.peers {
		// Closing fails only for a connection that is closed already.
		_ = peer.conn.Close()
		delete(c.peers, key)
	}
}

// dial connects to an address whose host may be one of the App's.
func (c *Client) dial(ctx context.Context, network, address string) (stdnet.Conn, error) {
	host, port, err := stdnet.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if target, _, ok := c.resolver.Resolve(host); ok {
		address = stdnet.JoinHostPort(target, port)
	}
	return c.dialer.DialContext(ctx, network, address)
}

// reachedAs describes where a host of the App is reached, for errors: " (shop-web.default.svc:8080)", or "" for others.
func (c *Client) reachedAs(host, port string) string {
	target, ownPort, ok := c.resolver.Resolve(host)
	if !ok {
		return ""
	}
	if port == "" {
		port = strconv.Itoa(int(ownPort))
	}
	return " (" + stdnet.JoinHostPort(target, port) + ")"
}
