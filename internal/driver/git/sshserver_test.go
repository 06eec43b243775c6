/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// sshServer gives the repositories of a folder to whoever has the key, by git's own upload-pack.
type sshServer struct {
	t       *testing.T
	address string
	dir     string
	// key is the private key of the one user there is.
	key string
	// knownHosts is the line of the server.
	knownHosts string
	// fingerprint is that of the host key.
	fingerprint string
}

func newSSHServer(t *testing.T, dir string) *sshServer {
	t.Helper()
	_, hostKey := newKey(t)
	key, userKey := newKey(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sshServer{
		t: t, address: listener.Addr().String(), dir: dir, key: key,
		knownHosts:  knownHost(listener.Addr().String(), hostKey),
		fingerprint: "ssh-ed25519 " + ssh.FingerprintSHA256(hostKey.PublicKey()),
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, offered ssh.PublicKey) (*ssh.Permissions, error) {
		if c.User() != "git" || string(offered.Marshal()) != string(userKey.PublicKey().Marshal()) {
			return nil, fmt.Errorf("unknown key of user %s", c.User())
		}
		return nil, nil
	}}
	config.AddHostKey(hostKey)

	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Go(func() { s.serve(conn, config) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		open.Wait()
	})
	return s
}

// newKey returns a private key as OpenSSH writes it, and the same to sign with.
func newKey(t *testing.T) (string, ssh.Signer) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), signer
}

// knownHost is the line of known_hosts for a host with that key.
func knownHost(address string, key ssh.Signer) string {
	return knownhosts.Line([]string{address}, key.PublicKey()) + "\n"
}

func (s *sshServer) serve(conn net.Conn, config *ssh.ServerConfig) {
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
				s.exec(channel, request)
				break
			}
			_ = request.Reply(false, nil)
		}
		go ssh.DiscardRequests(requests)
	}
}

func (s *sshServer) exec(channel ssh.Channel, request *ssh.Request) {
	defer func() { _ = channel.Close() }()
	var command struct{ Line string }
	if err := ssh.Unmarshal(request.Payload, &command); err != nil {
		s.t.Errorf("reading a command: %v", err)
		return
	}
	name, quoted, _ := strings.Cut(command.Line, " ")
	if name != "git-upload-pack" {
		_ = request.Reply(false, nil)
		return
	}
	_ = request.Reply(true, nil)
	cmd := exec.Command("git", "upload-pack", filepath.Join(s.dir, strings.Trim(quoted, "'")))
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	// Given as Stdin, the channel would have to end before a command that fails could.
	stdin, err := cmd.StdinPipe()
	if err != nil {
		s.t.Error(err)
		return
	}
	go func() {
		_, _ = io.Copy(stdin, channel)
		_ = stdin.Close()
	}()
	status := struct{ Code uint32 }{}
	if err := cmd.Run(); err != nil {
		status.Code = 1
	}
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(status))
}
