/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	echopb "github.com/topas-dev/topas/test/apps/echo/proto"
)

// connection is how long a connection is used.
type connection string

const (
	kept  connection = "kept"  // for many requests, as long as the server lets
	fresh connection = "fresh" // for one request
)

// caller sends one request, once, and returns the version that answered.
type caller func(context.Context) (version string, err error)

func newCaller(target *url.URL, kind connection) (caller, error) {
	switch {
	case target.Scheme == "http":
		return newHTTPCaller(target, kind), nil
	case kind == fresh:
		return func(ctx context.Context) (string, error) {
			conn, err := dialGRPC(target)
			if err != nil {
				return "", err
			}
			defer func() { _ = conn.Close() }()
			return echoVersion(ctx, conn)
		}, nil
	default:
		conn, err := dialGRPC(target)
		return func(ctx context.Context) (string, error) { return echoVersion(ctx, conn) }, err
	}
}

func newHTTPCaller(target *url.URL, kind connection) caller {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: kind == fresh}}
	address := target.JoinPath("version").String()
	return func(ctx context.Context) (string, error) {
		// A body that can't be had a second time keeps the transport from repeating the request by itself.
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, io.NopCloser(strings.NewReader("once")))
		if err != nil {
			return "", err
		}
		answer, err := client.Do(request)
		if err != nil {
			return "", err
		}
		defer func() { _ = answer.Body.Close() }()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return "", fmt.Errorf("read the answer: %w", err)
		}
		if answer.StatusCode != http.StatusOK {
			return "", fmt.Errorf("answered %s: %s", answer.Status, body)
		}
		var content struct{ Version string }
		if err := json.Unmarshal(body, &content); err != nil {
			return "", fmt.Errorf("read the version from %q: %w", body, err)
		}
		return content.Version, nil
	}
}

func dialGRPC(target *url.URL) (*grpc.ClientConn, error) {
	return grpc.NewClient(target.Host, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry())
}

func echoVersion(ctx context.Context, conn *grpc.ClientConn) (string, error) {
	answer, err := echopb.NewEchoServiceClient(conn).Echo(ctx, &echopb.EchoRequest{Message: "hello"})
	return answer.GetVersion(), err
}
