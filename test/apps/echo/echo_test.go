/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionalphapb "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"

	echopb "github.com/topas-dev/topas/test/apps/echo/proto"
)

func TestEcho(t *testing.T) {
	for name, tc := range map[string]struct {
		reason   string
		version  string
		request  *echopb.EchoRequest
		want     *echopb.EchoResponse
		wantCode codes.Code
	}{
		"first version": {
			reason:  "the message comes back with the version",
			version: "v1.0.0",
			request: &echopb.EchoRequest{Message: "hello", Tags: []string{"a", "b"}},
			want:    &echopb.EchoResponse{Message: "hello", Version: "v1.0.0", Tags: []string{"a", "b"}},
		},
		"later version": {
			reason:  "a greeting is what is new",
			version: "v1.1.0",
			request: &echopb.EchoRequest{Message: "hello"},
			want:    &echopb.EchoResponse{Message: "hello", Version: "v1.1.0", Greeting: "You said hello"},
		},
		"empty": {
			reason:   "there is a call that fails",
			version:  "v1.0.0",
			request:  &echopb.EchoRequest{},
			wantCode: codes.InvalidArgument,
		},
	} {
		t.Run(name, func(t *testing.T) {
			service := start(t, config{version: tc.version})
			got, err := echopb.NewEchoServiceClient(service.dial(t)).Echo(t.Context(), tc.request)
			if status.Code(err) != tc.wantCode {
				t.Fatalf("%s: %v, want code %s", tc.reason, err, tc.wantCode)
			}
			if diff := cmp.Diff(tc.want, got, protocmp.Transform()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestReflectionAndHealth(t *testing.T) {
	conn := start(t, config{version: "v1.0.0"}).dial(t)
	want := []string{
		"grpc.health.v1.Health",
		"grpc.reflection.v1.ServerReflection",
		"grpc.reflection.v1alpha.ServerReflection",
		"topas.EchoService",
	}

	stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{},
	}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, names(answer.GetListServicesResponse().GetService())); diff != "" {
		t.Errorf("services by reflection v1 (-want +got):\n%s", diff)
	}

	alpha, err := reflectionalphapb.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := alpha.Send(&reflectionalphapb.ServerReflectionRequest{ //nolint:staticcheck // older clients know only v1alpha
		MessageRequest: &reflectionalphapb.ServerReflectionRequest_ListServices{},
	}); err != nil {
		t.Fatal(err)
	}
	alphaAnswer, err := alpha.Recv()
	if err != nil {
		t.Fatal(err)
	}
	alphaServices := alphaAnswer.GetListServicesResponse().GetService() //nolint:staticcheck // as above
	if diff := cmp.Diff(want, names(alphaServices)); diff != "" {
		t.Errorf("services by reflection v1alpha (-want +got):\n%s", diff)
	}

	health, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: "topas.EchoService"})
	if err != nil {
		t.Fatal(err)
	}
	if health.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("health is %s, want SERVING", health.GetStatus())
	}
}

func TestEveryRequestIsLogged(t *testing.T) {
	service := start(t, config{version: "v1.0.0"})
	service.call(t, "GET", "/version", "")
	if _, err := echopb.NewEchoServiceClient(service.dial(t)).Echo(t.Context(), &echopb.EchoRequest{}); err == nil {
		t.Fatal("an empty message was echoed")
	}
	if err := service.stop(); err != nil {
		t.Fatal(err)
	}

	var got []object
	for _, line := range service.log.lines(t) {
		for _, varying := range []string{"time", "duration", "remote", "address", "delay"} {
			delete(line, varying)
		}
		got = append(got, line)
	}
	want := []object{
		{"level": "INFO", "msg": "Started", "database": false},
		{"level": "INFO", "msg": "Served HTTP request", "method": "GET", "path": "/version", "status": 200.0},
		{"level": "INFO", "msg": "Served gRPC call", "method": "/topas.EchoService/Echo", "code": "InvalidArgument"},
		{"level": "INFO", "msg": "Draining"},
		{"level": "INFO", "msg": "Stopped"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func names[S interface{ GetName() string }](services []S) []string {
	var found []string
	for _, service := range services {
		found = append(found, service.GetName())
	}
	slices.Sort(found)
	return found
}
