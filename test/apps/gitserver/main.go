/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Command gitserver serves folders as git repositories over HTTP: every folder /content/NAME becomes NAME.git with one
// commit on branch main, tagged v1.0.0. Anybody may read; any reachable commit may be fetched by its hash.
//
// It needs the git command, and writes to the folder of --repositories alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const shutdownTimeout = 10 * time.Second

type options struct {
	address      string
	content      string
	repositories string
}

func main() {
	var opts options
	flag.StringVar(&opts.address, "address", ":8080", "address to listen on")
	flag.StringVar(&opts.content, "content", "/content", "folder whose folders become repositories")
	flag.StringVar(&opts.repositories, "repositories", "/tmp/repositories", "folder that the repositories are made in")
	flag.Parse()

	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	if err := run(opts, log); err != nil {
		log.Error("Failed to serve", "error", err.Error())
		os.Exit(1)
	}
}

func run(opts options, log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	git, err := findGit()
	if err != nil {
		return err
	}
	commits, err := git.publish(ctx, opts.content, opts.repositories)
	if err != nil {
		return err
	}
	for name, commit := range commits {
		log.Info("Published repository", "name", name, "commit", commit)
	}
	listener, err := net.Listen("tcp", opts.address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return serve(ctx, listener, newHandler(git, opts.repositories, log))
}

func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return fmt.Errorf("wait for the last requests: %w", err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	}
	return nil
}
