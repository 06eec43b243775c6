/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	echopb "github.com/topas-dev/topas/test/apps/echo/proto"
)

const shutdownTimeout = 20 * time.Second

// service is HTTP and gRPC behind one port.
type service struct {
	log        *slog.Logger
	http       *http.Server
	health     *health.Server
	users      *userStore // nil without a database
	drainDelay time.Duration
	draining   atomic.Bool
}

func newService(cfg config, log *slog.Logger) (*service, error) {
	s := &service{log: log, drainDelay: cfg.drainDelay, health: health.NewServer()}
	if cfg.hasDatabase {
		users, err := openUsers(cfg.databaseURL)
		if err != nil {
			return nil, err
		}
		s.users = users
	}

	rpc := grpc.NewServer(grpc.UnaryInterceptor(logRPC(log)))
	echopb.RegisterEchoServiceServer(rpc, &echoServer{version: cfg.version})
	healthpb.RegisterHealthServer(rpc, s.health)
	s.health.SetServingStatus(echopb.EchoService_ServiceDesc.ServiceName, healthpb.HealthCheckResponse_SERVING)
	reflection.Register(rpc)

	api := &api{version: cfg.version, users: s.users, ready: s.ready}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	s.http = &http.Server{
		Handler:           s.split(rpc, logHTTP(log, api.routes())),
		Protocols:         protocols,
		ReadHeaderTimeout: 10 * time.Second,
	}
	return s, nil
}

func (s *service) close() {
	if s.users != nil {
		s.users.close()
	}
}

// split tells gRPC from HTTP. Clients are sent away from a service that drains with every answer (HTTP/2 turns the
// header into GOAWAY), so that no connection with a request on its way has to be closed at the end.
func (s *service) split(rpc, web http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			rpc.ServeHTTP(w, r)
			return
		}
		web.ServeHTTP(w, r)
	})
}

// ready says why the service should get no requests now.
func (s *service) ready(ctx context.Context) error {
	if s.draining.Load() {
		return errors.New("shutting down")
	}
	if s.users == nil {
		return nil
	}
	return s.users.ping(ctx)
}

// serve answers until the context ends, then goes without losing a request: it says that it is not ready, answers
// what still comes in while the network learns it, and ends when the last answer is out.
func (s *service) serve(ctx context.Context, listener net.Listener) error {
	s.log.Info("Started", "address", listener.Addr().String(), "database", s.users != nil)
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}

	s.log.Info("Draining", "delay", s.drainDelay.String())
	s.draining.Store(true)
	s.health.Shutdown()
	delay := time.NewTimer(s.drainDelay)
	defer delay.Stop()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s while draining: %w", listener.Addr(), err)
	case <-delay.C:
	}

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		return fmt.Errorf("wait for the last requests: %w", err)
	}
	s.log.Info("Stopped")
	return nil
}
