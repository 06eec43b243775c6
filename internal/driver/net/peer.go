/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"context"
	"errors"
	"fmt"
	stdnet "net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fullstorydev/grpcurl"
	"github.com/jhump/protoreflect/grpcreflect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
)

type peerKey struct {
	address string
	secure  bool
	tls     TLS
}

// peer is a gRPC server: the connection to it and what is known of its methods.
type peer struct {
	conn *grpc.ClientConn

	mutex   sync.Mutex
	methods map[string]protoreflect.MethodDescriptor
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
	made := &peer{methods: map[string]protoreflect.MethodDescriptor{}}
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
		grpc.WithStatsHandler(forgetter{made}),
	)
	if err != nil {
		return nil, err
	}
	made.conn = conn
	return made, nil
}

func authority(key peerKey) string {
	if key.tls.ServerName != "" {
		return key.tls.ServerName
	}
	return key.address
}

// method returns what a method takes and gives, which is asked of the server once a connection. What is known from a
// connection that is gone does not count: it may be another version that answers the next one.
func (p *peer) method(ctx context.Context, service, name string) (protoreflect.MethodDescriptor, error) {
	p.mutex.Lock()
	method, ok := p.methods[service+"/"+name]
	p.mutex.Unlock()
	if ok && p.conn.GetState() == connectivity.Ready {
		return method, nil
	}

	method, err := p.reflect(ctx, service, name)
	if err != nil {
		return nil, err
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.methods[service+"/"+name] = method
	return method, nil
}

// forget drops what is known of the methods.
func (p *peer) forget() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	clear(p.methods)
}

// reflect asks the server for a method. Errors about unknown names list the known ones.
func (p *peer) reflect(ctx context.Context, service, name string) (protoreflect.MethodDescriptor, error) {
	client := grpcreflect.NewClientAuto(ctx, p.conn)
	defer client.Reset()
	source := grpcurl.DescriptorSourceFromServer(ctx, client)

	symbol, err := source.FindSymbol(service)
	if err != nil && !unknownSymbol(err) {
		return nil, reflectionError(err)
	}
	found, ok := symbol.(serviceDescriptor)
	if !ok {
		services, err := source.ListServices()
		if err != nil {
			return nil, reflectionError(err)
		}
		services = slices.DeleteFunc(services, func(s string) bool { return strings.HasPrefix(s, "grpc.reflection.") })
		return nil, fmt.Errorf("the server has no service %q: it has %s", service, list(services))
	}
	methods := found.UnwrapService().Methods()
	method := methods.ByName(protoreflect.Name(name))
	if method == nil {
		var names []string
		for i := range methods.Len() {
			names = append(names, string(methods.Get(i).Name()))
		}
		return nil, fmt.Errorf("the service %s has no method %q: it has %s", service, name, list(names))
	}
	if method.IsStreamingClient() || method.IsStreamingServer() {
		return nil, errors.New("the method is a stream: only unary methods can be called")
	}
	return method, nil
}

// serviceDescriptor is what a symbol is that names a service.
type serviceDescriptor interface {
	UnwrapService() protoreflect.ServiceDescriptor
}

// unknownSymbol tells that the server answered that it has no such name.
func unknownSymbol(err error) bool {
	return grpcreflect.IsElementNotFoundError(err) || status.Code(err) == codes.NotFound
}

func reflectionError(err error) error {
	if errors.Is(err, grpcurl.ErrReflectionNotSupported) {
		return errors.New("the server does not support gRPC reflection, which tells what its messages look like: register it in the server")
	}
	if s, ok := status.FromError(err); ok {
		return fmt.Errorf("%s: %s", statusName(s.Code()), s.Message())
	}
	return err
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// forgetter drops what is known of a server's methods when a new connection to it begins, which is before any call
// goes over that connection.
type forgetter struct{ peer *peer }

func (forgetter) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (forgetter) HandleRPC(context.Context, stats.RPCStats)                         {}
func (forgetter) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (f forgetter) HandleConn(_ context.Context, event stats.ConnStats) {
	if _, began := event.(*stats.ConnBegin); began {
		f.peer.forget()
	}
}
