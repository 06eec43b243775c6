/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git_test

import (
	"context"
	"net"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/topas-dev/topas/test/apps/gitserver/access"
)

// sshServer gives the repositories of a folder to whoever has the key.
type sshServer struct {
	address string
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
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	server := &access.SSH{Repositories: dir, HostKey: hostKey, Authorized: userKey.PublicKey()}
	go func() { served <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return &sshServer{
		address: listener.Addr().String(), key: key,
		knownHosts:  access.KnownHost(listener.Addr().String(), hostKey),
		fingerprint: "ssh-ed25519 " + ssh.FingerprintSHA256(hostKey.PublicKey()),
	}
}

func newKey(t *testing.T) (string, ssh.Signer) {
	t.Helper()
	private, signer, err := access.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return private, signer
}
