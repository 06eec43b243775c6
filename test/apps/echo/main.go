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
	if err := run(log); err != nil {
		log.Error("Failed to serve", "error", err.Error())
		os.Exit(1)
	}
}

func run(log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
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
