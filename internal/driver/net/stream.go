/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
)

// Stream is a gRPC call with a stream of requests, of responses, or of both. It is for one goroutine.
type Stream struct {
	client  *Client
	call    Call
	method  *method
	stream  grpc.ClientStream
	limited context.Context
	cancel  context.CancelFunc
	started time.Time

	// sent and closed tell what became of the requests.
	sent, closed bool
	// end is how the stream ended: io.EOF or a *StatusError. It is nil before that, and reply too.
	end   error
	reply *Reply
}

// Open begins a stream, which ends with its call's timeout at the latest, or with the context.
func (c *Client) Open(ctx context.Context, call Call) (*Stream, error) {
	if call.Timeout == 0 {
		call.Timeout = DefaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, call.Timeout)
	s := &Stream{client: c, call: call, limited: limited, cancel: cancel, started: time.Now()}
	if err := s.open(); err != nil {
		err = c.callError(ctx, limited, call, err)
		cancel()
		return nil, err
	}
	return s, nil
}

func (s *Stream) open() error {
	var err error
	if s.method, err = s.client.method(s.limited, s.call); err != nil {
		return err
	}
	if !s.method.IsStreamingClient() && !s.method.IsStreamingServer() {
		return ErrUnary
	}
	s.stream, err = s.method.conn.NewStream(s.method.types.ctx, &grpc.StreamDesc{
		StreamName: string(s.method.Name()), ClientStreams: s.method.IsStreamingClient(), ServerStreams: s.method.IsStreamingServer(),
	}, s.method.path(), grpc.ForceCodecV2(frames{}))
	if err != nil {
		return s.finish(err)
	}
	return nil
}

// Send sends a request. It returns false if the server has ended the stream, and takes no more of them: Recv tells why.
func (s *Stream) Send(ctx context.Context, message any) (bool, error) {
	switch {
	case s.end != nil:
		return false, nil
	case s.closed:
		return false, s.failed(ctx, errors.New("the sending side is closed"))
	case s.sent && !s.method.IsStreamingClient():
		return false, s.failed(ctx, errors.New("the method takes one message, which was sent"))
	}
	request, err := s.method.types.encode(s.method.Input(), message)
	if err != nil {
		return false, s.failed(ctx, err)
	}
	defer s.endWith(ctx)()
	s.sent = true
	err = s.stream.SendMsg(&request)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, s.failed(ctx, s.finish(err))
	}
	return true, nil
}

// CloseSend tells the server that there are no more requests.
func (s *Stream) CloseSend() error {
	s.closed = true
	return s.stream.CloseSend()
}

// Recv waits for a response. At the end of the stream it returns io.EOF, or a *StatusError for a status other than OK;
// then Reply tells more, and so it does with the only response of a method that has one.
func (s *Stream) Recv(ctx context.Context) (any, error) {
	if s.end != nil {
		return nil, s.end
	}
	if !s.sent && !s.method.IsStreamingClient() {
		return nil, s.failed(ctx, errors.New("send the request first"))
	}
	defer s.endWith(ctx)()
	// The server answers once it has all requests.
	if !s.method.IsStreamingServer() && !s.closed {
		if err := s.CloseSend(); err != nil {
			return nil, s.failed(ctx, err)
		}
	}
	var response frame
	if err := s.stream.RecvMsg(&response); err != nil {
		return nil, s.failed(ctx, s.finish(err))
	}
	message, err := s.method.types.decode(s.method.Output(), response)
	if err != nil {
		return nil, s.failed(ctx, err)
	}
	if !s.method.IsStreamingServer() {
		_ = s.finish(io.EOF)
	}
	return message, nil
}

// Reply is how the stream ended, without a message; nil before that.
func (s *Stream) Reply() *Reply { return s.reply }

// endWith lets the stream end with a context that is not the one it was opened with.
func (s *Stream) endWith(ctx context.Context) (done func() bool) {
	return context.AfterFunc(ctx, s.cancel)
}

// finish notes what the stream ended with, and returns that.
func (s *Stream) finish(err error) error {
	defer s.cancel()
	if err == io.EOF { //nolint:errorlint // gRPC returns it as it is, and a status may wrap another
		s.end, err = io.EOF, nil
	}
	if s.stream != nil {
		// Without headers the trailers tell all.
		headers, _ := s.stream.Header()
		s.reply = s.method.types.reply(err, headers, s.stream.Trailer(), s.started)
	} else {
		s.reply = s.method.types.reply(err, nil, nil, s.started)
	}
	if err != nil {
		s.end = &StatusError{Target: s.call.Target, Method: s.call.Method, Reply: s.reply, cause: err}
	}
	return s.end
}

func (s *Stream) failed(ctx context.Context, err error) error {
	if err == io.EOF { //nolint:errorlint // the end of the stream, see finish
		return err
	}
	return s.client.callError(ctx, s.limited, s.call, err)
}
