/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Command echo is a small service to be tested: users over HTTP, kept in PostgreSQL, and an echo over gRPC, both on
// one port. Its versions differ in what they answer: from v1.1.0 on a user has an email and an echo has a greeting.
//
// Environment:
//
//	PORT          port of HTTP and gRPC, default 8080
//	DATABASE_URL  the users' database, such as postgres://user:password@host:5432/name; PGHOST, PGPORT, PGUSER,
//	              PGPASSWORD and PGDATABASE do as well. Without either there are no users, and the rest works.
//	DRAIN_DELAY   how long it still takes new requests after SIGTERM, default 2s: the time that the network
//	              may take to learn that this Pod goes
//
// The database needs the table users (name text primary key, role text).
//
// The command "echo load [flags] TARGET..." is its client: it sends requests to each TARGET (http://host:port or
// grpc://host:port) until it gets SIGTERM, never repeats one, and writes JSON lines: what was answered by which version
// since the line before, and in the last line in all. It exits with 1 if a request failed. Flags:
//
//	-workers   for each target, with connections that are kept, and as many with a new one for each request, default 2
//	-pause     of a worker from one request to the next, default 20ms
//	-timeout   of a request, default 30s: a slow answer is no lost one
//	-report    time from line to line, default 1s
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// version is set by the linker.
var version = "v1.0.0"

// config is what the environment says. An empty databaseURL with hasDatabase means the PG* variables.
type config struct {
	version     string
	port        uint16
	hasDatabase bool
	databaseURL string
	drainDelay  time.Duration
}

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	if err := run(os.Args[1:], log); err != nil {
		log.Error("Failed", "error", err.Error())
		os.Exit(1)
	}
}

func run(args []string, log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	switch {
	case len(args) == 0:
		return serve(ctx, log)
	case args[0] == "load":
		cfg, err := loadConfigFromArgs(args[1:])
		if err != nil {
			return err
		}
		return load(ctx, cfg, os.Stdout)
	default:
		return fmt.Errorf("command is %q: give load, or nothing to serve", args[0])
	}
}

func serve(ctx context.Context, log *slog.Logger) error {
	cfg, err := configFromEnv(os.Getenv)
	if err != nil {
		return err
	}
	service, err := newService(cfg, log)
	if err != nil {
		return err
	}
	defer service.close()
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", cfg.port))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return service.serve(ctx, listener)
}

func configFromEnv(getenv func(string) string) (config, error) {
	cfg := config{
		version:     version,
		port:        8080,
		databaseURL: getenv("DATABASE_URL"),
		hasDatabase: getenv("DATABASE_URL") != "" || getenv("PGHOST") != "",
		drainDelay:  2 * time.Second,
	}
	if given := getenv("PORT"); given != "" {
		port, err := strconv.ParseUint(given, 10, 16)
		if err != nil || port == 0 {
			return config{}, fmt.Errorf("PORT is %q: give a number from 1 to 65535", given)
		}
		cfg.port = uint16(port)
	}
	if given := getenv("DRAIN_DELAY"); given != "" {
		delay, err := time.ParseDuration(given)
		if err != nil || delay < 0 {
			return config{}, fmt.Errorf("DRAIN_DELAY is %q: give a duration such as 2s", given)
		}
		cfg.drainDelay = delay
	}
	return cfg, nil
}
