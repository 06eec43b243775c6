/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	echopb "github.com/topas-dev/topas/test/apps/echo/proto"
)

// firstVersion lacks what later versions answer with.
const firstVersion = "v1.0.0"

type echoServer struct {
	echopb.UnimplementedEchoServiceServer
	version string
}

// Echo implements topas.EchoService.
func (s *echoServer) Echo(_ context.Context, request *echopb.EchoRequest) (*echopb.EchoResponse, error) {
	if request.GetMessage() == "" {
		return nil, status.Error(codes.InvalidArgument, "message is empty: send the text to be echoed")
	}
	response := &echopb.EchoResponse{Message: request.GetMessage(), Version: s.version, Tags: request.GetTags()}
	if s.version != firstVersion {
		response.Greeting = "You said " + request.GetMessage()
	}
	return response, nil
}
