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
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Call is a unary gRPC call. The server must support reflection, which tells what the messages look like.
type Call struct {
	// Target is the server, "host:port"; a host of the App needs no port.
	Target string
	// Method is "package.Service/Method".
	Method string
	// Message is the request: a map of fields by their names in the .proto file (or their JSON names), with values
	// as in the JSON mapping of Protocol Buffers. A nil or empty message has the default values.
	Message any
	// Metadata is sent along.
	Metadata map[string]string
	// Timeout of the whole call; DefaultTimeout if it is 0.
	Timeout time.Duration
	// TLS is nil for plain text.
	TLS *TLS
}

// Reply is the answer to a Call.
type Reply struct {
	// Message is the response by the names of the fields in the .proto file. Fields without a value have their
	// default, except messages and those marked optional, which are left out. Integers are integers, enums their
	// names, bytes base64, well-known types as in the JSON mapping. It is nil if the status is not OK.
	Message map[string]any
	// Status is 0 for OK; StatusName is such as "NOT_FOUND".
	Status        int
	StatusName    string
	StatusMessage string
	Headers       map[string][]string
	Trailers      map[string][]string
	Duration      time.Duration
}

// StatusError is the error of a call that the server, or the connection to it, answered with a status other than OK.
type StatusError struct {
	Target, Method string
	// Reply has the status; its message is nil.
	Reply *Reply

	cause error
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: %s: %s", e.Target, e.Method, e.Reply.StatusName, e.Reply.StatusMessage)
}

func (e *StatusError) Unwrap() error { return e.cause }

// Invoke makes a call. A status other than OK is a *StatusError; other errors say why there was no call: the target is
// not reached, the service, the method or a field is unknown.
func (c *Client) Invoke(ctx context.Context, call Call) (*Reply, error) {
	if call.Timeout == 0 {
		call.Timeout = DefaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, call.Timeout)
	defer cancel()

	reply, err := c.invoke(limited, call)
	if err == nil {
		return reply, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("gRPC %s %s: %w", call.Target, call.Method, ctx.Err())
	}
	var refused *StatusError
	if errors.As(err, &refused) {
		return nil, err
	}
	if limited.Err() != nil {
		err = fmt.Errorf("no answer within %s: %w", call.Timeout, err)
	}
	return nil, fmt.Errorf("gRPC %s %s%s: %w", call.Target, call.Method, c.targetReachedAs(call.Target), err)
}

func (c *Client) invoke(ctx context.Context, call Call) (*Reply, error) {
	service, name, err := splitMethod(call.Method)
	if err != nil {
		return nil, err
	}
	address, err := c.address(call.Target)
	if err != nil {
		return nil, err
	}
	peer, err := c.peer(address, call.TLS)
	if err != nil {
		return nil, err
	}
	method, err := peer.method(ctx, service, name)
	if err != nil {
		return nil, err
	}
	request, err := newMessage(method.Input(), call.Message)
	if err != nil {
		return nil, err
	}
	return exchange(ctx, peer.conn, call, method, request)
}

func exchange(ctx context.Context, conn *grpc.ClientConn, call Call, method protoreflect.MethodDescriptor, request *dynamicpb.Message) (*Reply, error) {
	reply := &Reply{}
	response := dynamicpb.NewMessage(method.Output())
	path := fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name())
	ctx = metadata.NewOutgoingContext(ctx, metadata.New(call.Metadata))

	started := time.Now()
	var headers, trailers metadata.MD
	err := conn.Invoke(ctx, path, request, response, grpc.Header(&headers), grpc.Trailer(&trailers))
	reply.Duration, reply.Headers, reply.Trailers = time.Since(started), headers, trailers

	answer := status.Convert(err)
	reply.Status, reply.StatusName, reply.StatusMessage = int(answer.Code()), statusName(answer.Code()), answer.Message()
	if err != nil {
		return nil, &StatusError{Target: call.Target, Method: call.Method, Reply: reply, cause: err}
	}
	reply.Message = messageFields(response)
	return reply, nil
}

// statusName is the canonical name of a status code, as in its specification: "NOT_FOUND".
func statusName(c codes.Code) string {
	if name, ok := code.Code_name[int32(c)]; ok {
		return name
	}
	return c.String()
}

// splitMethod takes "package.Service/Method" apart.
func splitMethod(method string) (service, name string, err error) {
	service, name, ok := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	if !ok || service == "" || name == "" || strings.Contains(name, "/") {
		return "", "", errors.New("want a method such as topas.EchoService/Echo")
	}
	return service, name, nil
}

// address gives a target its port.
func (c *Client) address(target string) (string, error) {
	if _, _, err := stdnet.SplitHostPort(target); err == nil {
		return target, nil
	}
	host := strings.Trim(target, "[]")
	_, port, ok := c.resolver.Resolve(host)
	if !ok {
		return "", errors.New("want a target such as frontend or example.com:50051: only a service of the App can go without a port")
	}
	return stdnet.JoinHostPort(host, strconv.Itoa(int(port))), nil
}

func (c *Client) targetReachedAs(target string) string {
	host, port, err := stdnet.SplitHostPort(target)
	if err != nil {
		host, port = target, ""
	}
	return c.reachedAs(host, port)
}
