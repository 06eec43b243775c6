/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package access

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// SSH gives the repositories of a folder to the user git with the one key, by git's own upload-pack.
type SSH struct {
	Repositories string
	HostKey      ssh.Signer
	Authorized   ssh.PublicKey
	// Env is the environment of git; nil is the one of this process.
	Env []string
}

// Serve answers until the context ends. It returns when the last connection has.
func (s *SSH) Serve(ctx context.Context, listener net.Listener) error {
	config := &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
		if c.User() != "git" || !bytes.Equal(offered.Marshal(), s.Authorized.Marshal()) {
			return nil, fmt.Errorf("unknown key of user %s", c.User())
		}
		return nil, nil
	}}
	config.AddHostKey(s.HostKey)

	var open sync.WaitGroup
	defer open.Wait()
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	for {
		conn, err := listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed) && ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("accept on %s: %w", listener.Addr(), err)
		}
		open.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			s.serve(ctx, conn, config)
		})
	}
}

func (s *SSH) serve(ctx context.Context, conn net.Conn, config *ssh.ServerConfig) {
	defer func() { _ = conn.Close() }()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return // the client was refused, or did not like the host
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		for request := range requests {
			if request.Type == "exec" {
				s.exec(ctx, channel, request)
				break
			}
			_ = request.Reply(false, nil)
		}
		go ssh.DiscardRequests(requests)
	}
}

func (s *SSH) exec(ctx context.Context, channel ssh.Channel, request *ssh.Request) {
	defer func() { _ = channel.Close() }()
	var command struct{ Line string }
	err := ssh.Unmarshal(request.Payload, &command)
	name, quoted, _ := strings.Cut(command.Line, " ")
	repository := strings.TrimPrefix(strings.Trim(quoted, "'"), "/")
	if err != nil || name != "git-upload-pack" || !filepath.IsLocal(repository) {
		_ = request.Reply(false, nil)
		return
	}
	_ = request.Reply(true, nil)
	cmd := exec.CommandContext(ctx, "git", "upload-pack", filepath.Join(s.Repositories, repository))
	cmd.Env = s.Env
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	status := struct{ Code uint32 }{1}
	// Given as Stdin, the channel would have to end before a command that fails could.
	if stdin, err := cmd.StdinPipe(); err == nil {
		go func() {
			_, _ = io.Copy(stdin, channel)
			_ = stdin.Close()
		}()
		if cmd.Run() == nil {
			status.Code = 0
		}
	}
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status))
}

// NewKey returns a private key as OpenSSH writes it, and the same to sign with.
func NewKey() (string, ssh.Signer, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", nil, fmt.Errorf("make a key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return "", nil, fmt.Errorf("write a key: %w", err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	return string(pem.EncodeToMemory(block)), signer, err
}

// KnownHost is the line of known_hosts for a host with that key.
func KnownHost(address string, key ssh.Signer) string {
	return knownhosts.Line([]string{address}, key.PublicKey()) + "\n"
}
