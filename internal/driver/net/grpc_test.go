/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	stdnet "net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
)

// testService is the service of gRPC's own interoperability tests.
type testService struct {
	testpb.UnimplementedTestServiceServer
}

func (testService) UnaryCall(ctx context.Context, request *testpb.SimpleRequest) (*testpb.SimpleResponse, error) {
	if refused := request.GetResponseStatus(); refused.GetCode() != 0 {
		if err := grpc.SetTrailer(ctx, metadata.Pairs("reason", "asked for")); err != nil {
			return nil, err
		}
		return nil, status.Error(codes.Code(refused.GetCode()), refused.GetMessage())
	}
	if request.GetFillUsername() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	incoming, _ := metadata.FromIncomingContext(ctx)
	if err := grpc.SetHeader(ctx, metadata.Pairs("saw", incoming.Get("token")[0], "authority", incoming.Get(":authority")[0])); err != nil {
		return nil, err
	}
	return &testpb.SimpleResponse{Payload: request.GetPayload(), GrpclbRouteType: testpb.GrpclbRouteType_GRPCLB_ROUTE_TYPE_BACKEND}, nil
}

func serveGRPC(t *testing.T, listen string, withReflection bool, options ...grpc.ServerOption) (string, *grpc.Server) {
	t.Helper()
	listener, err := stdnet.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(options...)
	testpb.RegisterTestServiceServer(server, testService{})
	if withReflection {
		reflection.Register(server)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Errorf("serve gRPC: %v", err)
		}
	})
	return listener.Addr().String(), server
}

const unaryCall = "grpc.testing.TestService/UnaryCall"

func TestInvoke(t *testing.T) {
	address, _ := serveGRPC(t, "127.0.0.1:0", true)
	client := newTestClient(t, app{"echo": address})
	want := &Reply{
		Message: map[string]any{
			"payload":           map[string]any{"type": "COMPRESSABLE", "body": []byte("hello")},
			"username":          "",
			"oauth_scope":       "",
			"server_id":         "",
			"hostname":          "",
			"grpclb_route_type": "GRPCLB_ROUTE_TYPE_BACKEND",
		},
		StatusName: "OK",
		Headers:    map[string][]string{"content-type": {"application/grpc"}, "saw": {"t1"}, "authority": {"echo"}},
		Trailers:   map[string][]string{},
	}
	// Twice: the second call has the descriptors of the first.
	for range 2 {
		got, err := client.Invoke(t.Context(), Call{
			Target: "echo", Method: unaryCall, Metadata: map[string][]string{"token": {"t1"}},
			Message: map[string]any{"payload": map[string]any{"body": "hello"}, "response_size": int64(3)},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, port, _ := stdnet.SplitHostPort(address)
		want.Headers["authority"] = []string{"echo:" + port}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Reply{}, "Duration")); diff != "" {
			t.Errorf("reply (-want +got):\n%s", diff)
		}
	}
}

func TestInvokeErrors(t *testing.T) {
	address, _ := serveGRPC(t, "127.0.0.1:0", true)
	silent, _ := serveGRPC(t, "127.0.0.1:0", false)
	dead := deadAddress(t)
	client := newTestClient(t, app{"echo": address, "silent": silent, "dead": dead})
	cases := []struct {
		reason string
		call   Call
		want   string
	}{
		{"unknown service", Call{Target: "echo", Method: "topas.Nope/Echo"},
			"gRPC echo topas.Nope/Echo (" + address + `): the server has no service "topas.Nope": it has grpc.testing.TestService`},
		{"a message in place of a service", Call{Target: "echo", Method: "grpc.testing.SimpleRequest/Echo"},
			"gRPC echo grpc.testing.SimpleRequest/Echo (" + address + `): the server has no service "grpc.testing.SimpleRequest": it has grpc.testing.TestService`},
		{"unknown method", Call{Target: "echo", Method: "grpc.testing.TestService/Unary"},
			"gRPC echo grpc.testing.TestService/Unary (" + address + `): the service grpc.testing.TestService has no method "Unary": ` +
				"it has CacheableUnaryCall, EmptyCall, FullDuplexCall, HalfDuplexCall, StreamingInputCall, StreamingOutputCall, UnaryCall, UnimplementedCall"},
		{"a stream", Call{Target: "echo", Method: "grpc.testing.TestService/FullDuplexCall"},
			"gRPC echo grpc.testing.TestService/FullDuplexCall (" + address + "): the method is a stream, not unary"},
		{"unknown field", Call{Target: "echo", Method: unaryCall, Message: map[string]any{"payload": map[string]any{"bodi": "x"}}},
			"gRPC echo " + unaryCall + " (" + address + `): the request grpc.testing.SimpleRequest: unknown field "payload.bodi": Payload has body, type`},
		{"a field of the wrong type", Call{Target: "echo", Method: unaryCall, Message: map[string]any{"response_size": "many"}},
			"gRPC echo " + unaryCall + " (" + address + `): the request grpc.testing.SimpleRequest: response_size: want a whole number (int32), got the string "many"`},
		{"not a method", Call{Target: "echo", Method: "Echo"},
			"gRPC echo Echo (" + address + "): want a method such as topas.EchoService/Echo"},
		{"no port", Call{Target: "example.com", Method: unaryCall},
			"gRPC example.com " + unaryCall + ": want a target such as frontend or example.com:50051: only a service of the App can go without a port"},
		{"no reflection", Call{Target: "silent", Method: unaryCall},
			"gRPC silent " + unaryCall + " (" + silent + "): the server does not support gRPC reflection, which tells what its messages look like: register it in the server, or give its .proto files or a protoset"},
		{"nobody listens", Call{Target: "dead", Method: unaryCall},
			"gRPC dead " + unaryCall + " (" + dead + "): UNAVAILABLE: connection error: desc = \"transport: Error while dialing: dial tcp " + dead + ": connect: connection refused\""},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			reply, err := client.Invoke(t.Context(), c.call)
			if err == nil {
				t.Fatalf("Invoke gave %+v", reply)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInvokeStatus(t *testing.T) {
	address, _ := serveGRPC(t, "127.0.0.1:0", true)
	client := newTestClient(t, app{"echo": address})
	_, err := client.Invoke(t.Context(), Call{Target: "echo", Method: unaryCall, Message: map[string]any{
		"response_status": map[string]any{"code": int64(5), "message": "no such user"},
	}})
	var refused *StatusError
	if !errors.As(err, &refused) {
		t.Fatalf("Invoke gave %v, want a *StatusError", err)
	}
	want := &Reply{
		Status: 5, StatusName: "NOT_FOUND", StatusMessage: "no such user",
		Headers: map[string][]string{}, Trailers: map[string][]string{"content-type": {"application/grpc"}, "reason": {"asked for"}},
	}
	if diff := cmp.Diff(want, refused.Reply, cmpopts.IgnoreFields(Reply{}, "Duration"), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("reply (-want +got):\n%s", diff)
	}
	if want := "echo " + unaryCall + ": NOT_FOUND: no such user"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

func TestInvokeEndsInTime(t *testing.T) {
	address, _ := serveGRPC(t, "127.0.0.1:0", true)
	client := newTestClient(t, app{"echo": address})
	call := Call{Target: "echo", Method: unaryCall, Metadata: map[string][]string{"token": {"t"}}}
	// What the method takes is known from here on: only the call itself is timed.
	if _, err := client.Invoke(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	call.Timeout, call.Message = 100*time.Millisecond, map[string]any{"fill_username": true}
	var refused *StatusError
	if _, err := client.Invoke(t.Context(), call); !errors.As(err, &refused) || refused.Reply.StatusName != "DEADLINE_EXCEEDED" {
		t.Errorf("with a timeout of its own, Invoke gave %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	call.Timeout = 0
	if _, err := client.Invoke(ctx, call); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("when the context ended, Invoke gave %v", err)
	}
}

// TestInvokeFollowsTheServer replaces a server by one that was down in between and knows more.
func TestInvokeFollowsTheServer(t *testing.T) {
	address, first := serveGRPC(t, "127.0.0.1:0", false)
	client := newTestClient(t, app{"echo": address})
	call := Call{Target: "echo", Method: unaryCall, Metadata: map[string][]string{"token": {"t"}}}
	if _, err := client.Invoke(t.Context(), call); err == nil {
		t.Fatal("a server without reflection was understood")
	}
	first.Stop()
	if _, err := client.Invoke(t.Context(), call); err == nil {
		t.Fatal("a server that is down answered")
	}
	serveGRPC(t, address, true)
	if _, err := client.Invoke(t.Context(), call); err != nil {
		t.Errorf("the server that is back was not reached: %v", err)
	}
}

// TestDescriptorsLastAsLongAsTheConnection counts how often a server is asked what it knows.
func TestDescriptorsLastAsLongAsTheConnection(t *testing.T) {
	var asked atomic.Int32
	count := grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		asked.Add(1)
		return handler(srv, stream)
	})
	address, first := serveGRPC(t, "127.0.0.1:0", true, count)
	client := newTestClient(t, app{"echo": address})
	call := Call{Target: "echo", Method: unaryCall, Metadata: map[string][]string{"token": {"t"}}}
	for range 3 {
		if _, err := client.Invoke(t.Context(), call); err != nil {
			t.Fatal(err)
		}
	}
	if got := asked.Load(); got != 1 {
		t.Errorf("for 3 calls over one connection, the server was asked %d times", got)
	}
	first.Stop()
	awaitDisconnected(t, client)
	serveGRPC(t, address, true, count)
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, err := client.Invoke(t.Context(), call)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the second server was not reached: %v", err)
		}
	}
	if got := asked.Load(); got != 2 {
		t.Errorf("after a new connection, the server was asked %d times in all, want 2", got)
	}
}

// awaitDisconnected waits until the client has seen the ends of its connections.
func awaitDisconnected(t *testing.T, client *Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, known := range client.peers {
		if known.conn.GetState() == connectivity.Ready && !known.conn.WaitForStateChange(ctx, connectivity.Ready) {
			t.Fatal("the client did not see the end of its connection")
		}
	}
}

func TestInvokeTLS(t *testing.T) {
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	t.Cleanup(certified.Close)
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw}))
	address, _ := serveGRPC(t, "127.0.0.1:0", true, grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: certified.TLS.Certificates})))
	client := newTestClient(t, app{"example.com": address, "secure": address})

	call := Call{Method: unaryCall, Metadata: map[string][]string{"token": {"t"}}}
	for _, c := range []struct {
		reason, target string
		tls            TLS
	}{
		{"the name is verified as it was written", "example.com", TLS{CA: ca}},
		{"another name is verified", "secure", TLS{CA: ca, ServerName: "example.com"}},
		{"nothing is verified", "secure", TLS{Insecure: true}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			call.Target, call.TLS = c.target, &c.tls
			if _, err := client.Invoke(t.Context(), call); err != nil {
				t.Error(err)
			}
		})
	}
	call.Target, call.TLS = "secure", &TLS{CA: ca}
	if _, err := client.Invoke(t.Context(), call); err == nil || !strings.Contains(err.Error(), "UNAVAILABLE") || !strings.Contains(err.Error(), "x509: ") {
		t.Errorf("with the wrong name, Invoke gave %v", err)
	}
}
