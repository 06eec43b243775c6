/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"context"
	stdnet "net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"
)

type peerKey struct {
	address string
	secure  bool
	tls     TLS
}

// peer is a gRPC server: the connection to it and what it told of itself.
type peer struct {
	conn   *grpc.ClientConn
	schema *Schema
}

// peer returns the server at an address, with the connection of earlier calls if that is any good.
func (c *Client) peer(address string, options *TLS) (*peer, error) {
	key := peerKey{address: address}
	if options != nil {
		key.secure, key.tls = true, *options
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if known, ok := c.peers[key]; ok {
		if known.conn.GetState() != connectivity.TransientFailure {
			return known, nil
		}
		// It would refuse calls until its next attempt, though the server may be back by now.
		_ = known.conn.Close()
		delete(c.peers, key)
	}

	made, err := c.newPeer(key)
	if err != nil {
		return nil, err
	}
	c.peers[key] = made
	return made, nil
}

func (c *Client) newPeer(key peerKey) (*peer, error) {
	security := insecure.NewCredentials()
	if key.secure {
		config, err := key.tls.config()
		if err != nil {
			return nil, err
		}
		security = credentials.NewTLS(config)
	}
	made := &peer{schema: newSchema(nil)}
	conn, err := grpc.NewClient("passthrough:///"+key.address,
		grpc.WithTransportCredentials(security),
		grpc.WithAuthority(authority(key)),
		grpc.WithContextDialer(func(ctx context.Context, address string) (stdnet.Conn, error) {
			return c.dial(ctx, "tcp", address)
		}),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, MaxDelay: time.Second},
			MinConnectTimeout: DefaultTimeout,
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxBody), grpc.MaxCallSendMsgSize(MaxBody)),
		grpc.WithStatsHandler(forgetter{made.schema}),
	)
	if err != nil {
		return nil, err
	}
	made.conn, made.schema.server = conn, conn
	return made, nil
}

func authority(key peerKey) string {
	if key.tls.ServerName != "" {
		return key.tls.ServerName
	}
	return key.address
}

// described returns what is known of the server. What is known from a connection that is gone does not count: it may be
// another version that answers the next one.
func (p *peer) described() *Schema {
	if p.conn.GetState() != connectivity.Ready {
		p.schema.forget()
	}
	return p.schema
}

// forgetter drops what is known of a server when a new connection to it begins, which is before any call
// goes over that connection.
type forgetter struct{ schema *Schema }

func (forgetter) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (forgetter) HandleRPC(context.Context, stats.RPCStats)                         {}
func (forgetter) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (f forgetter) HandleConn(_ context.Context, event stats.ConnStats) {
	if _, began := event.(*stats.ConnBegin); began {
		f.schema.forget()
	}
}
