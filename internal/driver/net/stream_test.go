/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/topas-dev/topas/internal/driver/net/nettest"
)

func openStream(t *testing.T, call Call) *Stream {
	t.Helper()
	server := nettest.Start(t, nettest.Both)
	call.Target, call.Method = "echo", nettest.Service+"/"+call.Method
	stream, err := newTestClient(t, app{"echo": server.Address}).Open(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func send(t *testing.T, stream *Stream, message any) {
	t.Helper()
	if sent, err := stream.Send(t.Context(), message); err != nil || !sent {
		t.Fatalf("Send gave %v, %v", sent, err)
	}
}

func receive(t *testing.T, stream *Stream, want any) {
	t.Helper()
	got, err := stream.Recv(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

// ended checks that a stream ended well, and says so as often as it is asked.
func ended(t *testing.T, stream *Stream) {
	t.Helper()
	for range 2 {
		if message, err := stream.Recv(t.Context()); !errors.Is(err, io.EOF) {
			t.Fatalf("at the end, Recv gave %v, %v", message, err)
		}
	}
	want := &Reply{
		StatusName: "OK",
		Headers:    map[string][]string{"content-type": {"application/grpc"}, "saw": {"[t1 t2]"}},
		Trailers:   map[string][]string{"trailing": {"yes"}},
	}
	if diff := cmp.Diff(want, stream.Reply(), cmpopts.IgnoreFields(Reply{}, "Duration")); diff != "" {
		t.Errorf("reply (-want +got):\n%s", diff)
	}
	if sent, err := stream.Send(t.Context(), nil); sent || err != nil {
		t.Errorf("at the end, Send gave %v, %v", sent, err)
	}
}

var token = map[string][]string{"token": {"t1", "t2"}}

func TestStreamOfRequests(t *testing.T) {
	stream := openStream(t, Call{Method: "Collect", Metadata: token})
	send(t, stream, fields{"a_string": "a"})
	send(t, stream, fields{"a_string": "b"})
	receive(t, stream, kinds(fields{"children": []any{kinds(fields{"a_string": "a"}), kinds(fields{"a_string": "b"})}}))
	ended(t, stream)
}

func TestStreamOfResponses(t *testing.T) {
	stream := openStream(t, Call{Method: "Repeat", Metadata: token})
	send(t, stream, fields{"children": []any{fields{"a_string": "a"}, fields{"a_string": "b"}}})
	receive(t, stream, kinds(fields{"a_string": "a"}))
	receive(t, stream, kinds(fields{"a_string": "b"}))
	ended(t, stream)
}

func TestStreamOfBoth(t *testing.T) {
	stream := openStream(t, Call{Method: "Chat", Metadata: token})
	for _, text := range []string{"a", "b", "c"} {
		send(t, stream, fields{"a_string": text})
		receive(t, stream, kinds(fields{"a_string": text}))
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	ended(t, stream)
}

func TestStreamThatIsRefused(t *testing.T) {
	for _, method := range []string{"Collect", "Chat"} {
		stream := openStream(t, Call{Method: method})
		send(t, stream, fields{"a_string": "stop"})
		for range 2 {
			_, err := stream.Recv(t.Context())
			if want := "echo topas.test.Echo/" + method + ": ABORTED: stopped"; err == nil || err.Error() != want {
				t.Fatalf("Recv gave %v, want %s", err, want)
			}
		}
		if got := stream.Reply().StatusName; got != "ABORTED" {
			t.Errorf("the status is %s", got)
		}
		if sent, err := stream.Send(t.Context(), nil); sent || err != nil {
			t.Errorf("at the end, Send gave %v, %v", sent, err)
		}
	}
}

func TestStreamsInTheWrongOrder(t *testing.T) {
	cases := []struct {
		reason, method string
		do             func(*Stream) error
		want           string
	}{
		{"two requests where there is one", "Repeat", func(s *Stream) error {
			_, first := s.Send(t.Context(), nil)
			_, second := s.Send(t.Context(), nil)
			return errors.Join(first, second)
		}, "the method takes one message, which was sent"},
		{"a response before the request", "Repeat", func(s *Stream) error {
			_, err := s.Recv(t.Context())
			return err
		}, "send the request first"},
		{"a request after the last", "Chat", func(s *Stream) error {
			_, err := s.Send(t.Context(), nil)
			closed := s.CloseSend()
			_, again := s.Send(t.Context(), nil)
			return errors.Join(err, closed, again)
		}, "the sending side is closed"},
		{"an unknown field", "Chat", func(s *Stream) error {
			_, err := s.Send(t.Context(), fields{"extended": fields{"idd": int64(1)}})
			return err
		}, `the request topas.test.Kinds: unknown field "extended.idd": Extended has Part, id, name`},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			err := c.do(openStream(t, Call{Method: c.method}))
			if err == nil || !strings.HasPrefix(err.Error(), "gRPC echo topas.test.Echo/"+c.method+" (") || !strings.HasSuffix(err.Error(), "): "+c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
}

func TestStreamsAndUnaryMethods(t *testing.T) {
	server := nettest.Start(t, nettest.Both)
	client := newTestClient(t, app{"echo": server.Address})
	if _, err := client.Open(t.Context(), Call{Target: "echo", Method: nettest.Service + "/Unary"}); err == nil || !strings.HasSuffix(err.Error(), ": the method is unary, not a stream") {
		t.Errorf("Open of a unary method gave %v", err)
	}
	if _, err := client.Invoke(t.Context(), Call{Target: "echo", Method: nettest.Service + "/Chat"}); err == nil || !strings.HasSuffix(err.Error(), ": the method is a stream, not unary") {
		t.Errorf("Invoke of a stream gave %v", err)
	}
	schema, err := NewProtosetSchema(nettest.Protoset(t))
	if err != nil {
		t.Fatal(err)
	}
	client = newTestClient(t, app{"dead": deadAddress(t)})
	_, err = client.Open(t.Context(), Call{Target: "dead", Method: nettest.Service + "/Chat", Schema: schema})
	var refused *StatusError
	if !errors.As(err, &refused) || refused.Reply.StatusName != "UNAVAILABLE" {
		t.Errorf("Open to a dead server gave %v", err)
	}
}

func TestStreamsEnd(t *testing.T) {
	schema, err := NewProtosetSchema(nettest.Protoset(t))
	if err != nil {
		t.Fatal(err)
	}
	client := newTestClient(t, app{"echo": nettest.Start(t, nettest.None).Address})
	stream, err := client.Open(t.Context(), Call{Target: "echo", Method: nettest.Service + "/Chat", Schema: schema, Timeout: 200 * time.Millisecond})
	if err == nil {
		_, err = stream.Recv(t.Context())
	}
	var refused *StatusError
	if !errors.As(err, &refused) || refused.Reply.StatusName != "DEADLINE_EXCEEDED" {
		t.Errorf("after its timeout, the stream ended with %v", err)
	}

	stream = openStream(t, Call{Method: "Chat"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := stream.Recv(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended, Recv gave %v", err)
	}
}
