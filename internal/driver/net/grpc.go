/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	stdnet "net"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Call is a gRPC call.
type Call struct {
	// Target is the server, "host:port"; a host of the App needs no port.
	Target string
	// Method is "package.Service/Method".
	Method string
	// Message is the request: a map of fields by their names in the .proto file (or their JSON names); extensions are
	// "[package.name]". Values are as in a Reply, which see; an integer of more than 53 bits may be a string of its
	// digits, and an enum a number. A nil or empty message has the default values. Streams take no message here.
	Message any
	// Metadata is sent along, also with what is asked by reflection.
	Metadata map[string][]string
	// Timeout of the whole call or stream; DefaultTimeout if it is 0.
	Timeout time.Duration
	// TLS is nil for plain text.
	TLS *TLS
	// Schema has the method. If it is nil, the server is asked by reflection.
	Schema *Schema
}

// Reply is the answer to a Call.
type Reply struct {
	// Message is the response: a map by the names of the fields in the .proto file. Fields without a value have their
	// default, except messages, those of a oneof and those marked optional, which are left out. Integers are int64 and
	// the like, enums their names, bytes []byte, maps have their keys as strings. Of the well-known types, a Timestamp
	// is a string (RFC 3339), a Duration such as "1.5s", a FieldMask such as "name,address.city"; Struct, Value,
	// ListValue and the wrappers are what they hold; and Any is the message that it holds with its type as "@type", or
	// its own fields if that message can't be read. Message is nil if the status is not OK.
	Message any
	// Status is 0 for OK; StatusName is such as "NOT_FOUND".
	Status        int
	StatusName    string
	StatusMessage string
	// Details are the messages that came with the status, each as an Any is.
	Details  []any
	Headers  map[string][]string
	Trailers map[string][]string
	Duration time.Duration
}

// StatusError is the error of a call that the server, or the connection to it, answered with a status other than OK.
type StatusError struct {
	Target, Method string
	// Reply has the status; its message is nil.
	Reply *Reply

	cause error
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %s: %s: %s", e.Target, e.Method, e.Reply.StatusName, e.Reply.StatusMessage)
	for _, detail := range e.Reply.Details {
		if encoded, err := json.Marshal(detail); err == nil {
			text += " " + string(encoded)
		}
	}
	return text
}

func (e *StatusError) Unwrap() error { return e.cause }

// Errors of a call that is made in the wrong way.
var (
	ErrStream = errors.New("the method is a stream, not unary")
	ErrUnary  = errors.New("the method is unary, not a stream")
)

// Invoke makes a unary call. A status other than OK is a *StatusError; other errors say why there was no call: the
// target is not reached, the service, the method or a field is unknown.
func (c *Client) Invoke(ctx context.Context, call Call) (*Reply, error) {
	if call.Timeout == 0 {
		call.Timeout = DefaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, call.Timeout)
	defer cancel()

	reply, err := c.invoke(limited, call)
	if err != nil {
		return nil, c.callError(ctx, limited, call, err)
	}
	return reply, nil
}

// callError says what became of a call within the context limited, which is derived from ctx.
func (c *Client) callError(ctx, limited context.Context, call Call, err error) error {
	var refused *StatusError
	answered := errors.As(err, &refused)
	if answered && refused.Reply.Status == int(codes.DeadlineExceeded) {
		awaitDeadline(ctx)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("gRPC %s %s: %w", call.Target, call.Method, ctx.Err())
	}
	if answered {
		return err
	}
	if errors.Is(limited.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s: %w", call.Timeout, err)
	}
	return fmt.Errorf("gRPC %s %s%s: %w", call.Target, call.Method, c.targetReachedAs(call.Target), err)
}

// awaitDeadline waits for a context that ends at any moment: the server knows the deadline too, and may be the first to
// say that it has passed.
func awaitDeadline(ctx context.Context) {
	const moment = 100 * time.Millisecond
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < moment {
		<-ctx.Done()
	}
}

func (c *Client) invoke(ctx context.Context, call Call) (*Reply, error) {
	m, err := c.method(ctx, call)
	if err != nil {
		return nil, err
	}
	if m.IsStreamingClient() || m.IsStreamingServer() {
		return nil, ErrStream
	}
	request, err := m.types.encode(m.Input(), call.Message)
	if err != nil {
		return nil, err
	}
	started := time.Now()
	var response frame
	var headers, trailers metadata.MD
	err = m.conn.Invoke(m.types.ctx, m.path(), &request, &response, grpc.ForceCodecV2(frames{}), grpc.Header(&headers), grpc.Trailer(&trailers))
	reply := m.types.reply(err, headers, trailers, started)
	if err != nil {
		return nil, &StatusError{Target: call.Target, Method: call.Method, Reply: reply, cause: err}
	}
	reply.Message, err = m.types.decode(m.Output(), response)
	return reply, err
}

// method is a method and how it is called.
type method struct {
	protoreflect.MethodDescriptor
	conn *grpc.ClientConn
	// types are those of the method, and have the context with the metadata.
	types types
}

func (m *method) path() string {
	return fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name())
}

func (c *Client) method(ctx context.Context, call Call) (*method, error) {
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
	md := metadata.MD{}
	for key, values := range call.Metadata {
		md.Append(key, values...)
	}
	known := types{ctx: metadata.NewOutgoingContext(ctx, md), schema: call.Schema}
	if known.schema == nil {
		known.schema = peer.described()
	}
	found, err := known.schema.method(known.ctx, service, name)
	if err != nil {
		return nil, err
	}
	return &method{MethodDescriptor: found, conn: peer.conn, types: known}, nil
}

// reply is all of an answer but its message.
func (t types) reply(err error, headers, trailers metadata.MD, started time.Time) *Reply {
	answer := status.Convert(err)
	reply := &Reply{
		Status: int(answer.Code()), StatusName: statusName(answer.Code()), StatusMessage: answer.Message(),
		Headers: headers, Trailers: trailers, Duration: time.Since(started),
	}
	for _, detail := range answer.Proto().GetDetails() {
		reply.Details = append(reply.Details, decoder{types: t}.any(detail.ProtoReflect()))
	}
	return reply
}

// frame is an encoded message. gRPC carries it as it is, because only a method's own types can read it.
type frame []byte

type frames struct{}

func (frames) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*frame))}, nil
}

func (frames) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*frame) = data.Materialize()
	return nil
}

// Name is that of no codec: the content type is "application/grpc".
func (frames) Name() string { return "" }

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
