/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Command gitserver serves folders as git repositories over HTTP: every folder /content/NAME becomes NAME.git with one
// commit on branch main, tagged v1.0.0, and an empty one after it on branch next. A folder with a .gitmodules file has the
// commits of the other repositories of that name in the places of its submodules. Anybody may read; any reachable commit may
// be fetched by its hash.
//
// What is in the folder of --access makes it serve the same repositories in other ways as well:
//
//	username, password            below /private/, with basic authentication
//	token                         below /bearer/, with a bearer token
//	tls.crt, tls.key              all of it over HTTPS on port 8443
//	ssh-host-key, ssh-authorized  over SSH on port 2222: the private key of the server, the public one of its user
//
// It needs the git command, and writes to the folder of --repositories alone.
package main

import (
	"context"
	"crypto/tls"
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

	"github.com/topas-dev/topas/test/apps/gitserver/access"
)

const shutdownTimeout = 10 * time.Second

type options struct {
	address, tlsAddress, sshAddress string
	content, access, repositories   string
}

func main() {
	var opts options
	flag.StringVar(&opts.address, "address", ":8080", "address to listen on")
	flag.StringVar(&opts.tlsAddress, "tls-address", ":8443", "address to listen on for HTTPS")
	flag.StringVar(&opts.sshAddress, "ssh-address", ":2222", "address to listen on for SSH")
	flag.StringVar(&opts.access, "access", "/access", "folder with keys and passwords; it may be missing")
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
	services, err := listen(opts, git, log)
	if err != nil {
		return err
	}
	return serveAll(ctx, services)
}

// service answers on its listener until the context ends.
type service struct {
	listener net.Listener
	answer   func(context.Context, net.Listener) error
}

// listen returns the services that there are keys for: HTTP, HTTPS and SSH, in this order.
func listen(opts options, git *git, log *slog.Logger) ([]service, error) {
	keys, err := loadKeys(opts.access)
	if err != nil {
		return nil, err
	}
	handler := newHandler(git, opts.repositories, keys.login, log)
	overHTTP := func(ctx context.Context, listener net.Listener) error { return serve(ctx, listener, handler) }
	listener, err := net.Listen("tcp", opts.address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	services := []service{{listener, overHTTP}}
	if keys.certificate != nil {
		listener, err := tls.Listen("tcp", opts.tlsAddress, &tls.Config{Certificates: []tls.Certificate{*keys.certificate}})
		if err != nil {
			return nil, fmt.Errorf("listen for HTTPS: %w", err)
		}
		services = append(services, service{listener, overHTTP})
	}
	if keys.host != nil {
		listener, err := net.Listen("tcp", opts.sshAddress)
		if err != nil {
			return nil, fmt.Errorf("listen for SSH: %w", err)
		}
		server := &access.SSH{Repositories: opts.repositories, HostKey: keys.host, Authorized: keys.authorized, Env: git.env()}
		services = append(services, service{listener, server.Serve})
	}
	return services, nil
}

// serveAll ends when one of the services does, and all of them with it.
func serveAll(ctx context.Context, services []service) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, len(services))
	for _, s := range services {
		go func() { ended <- s.answer(ctx, s.listener) }()
	}
	var err error
	for range services {
		err = errors.Join(err, <-ended)
		stop()
	}
	return err
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
