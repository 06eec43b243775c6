/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git

import (
	"errors"
	"fmt"
	"net"

	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func (s source) withKey(user string) (source, error) {
	c := s.credentials
	if c.none() {
		return source{}, authErrorf("%s: SSH needs a Secret with the keys %s and %s%s", s.url, keySSHKey, keyKnownHosts, s.apart)
	}
	if err := c.checkScheme(schemeSSH); err != nil {
		return source{}, fmt.Errorf("%s: %w", s.url, err)
	}
	// The format of a key has a line break at its end.
	signer, err := ssh.ParsePrivateKey([]byte(c.values[keySSHKey] + "\n"))
	_, locked := errors.AsType[*ssh.PassphraseMissingError](err)
	switch {
	case locked:
		return source{}, authErrorf("%s: key %s needs a passphrase, which nobody could enter: give a key without one, "+
			"such as a deploy key for this repository alone", c.secret, keySSHKey)
	case err != nil:
		// The words of the error are left out: they may repeat what is in the key.
		return source{}, authErrorf("%s: key %s holds no private key of a format that OpenSSH writes (-----BEGIN OPENSSH PRIVATE KEY-----)", c.secret, keySSHKey)
	}
	hosts, err := gitssh.NewKnownHostsDb(c.knownHosts)
	if err != nil {
		return source{}, authErrorf("%s: key %s can't be read, it must hold lines such as ssh-keyscan prints: %v", c.secret, keyKnownHosts, err)
	}
	s.auth = &gitssh.PublicKeys{User: user, Signer: signer, HostKeyCallbackHelper: gitssh.HostKeyCallbackHelper{
		HostKeyCallback:   s.checkHost(hosts.HostKeyCallback()),
		HostKeyAlgorithms: hosts.HostKeyAlgorithms(net.JoinHostPort(s.host, s.port)),
	}}
	return s, nil
}

// checkHost says what to do about a host that is not in known_hosts.
func (s source) checkHost(check ssh.HostKeyCallback) ssh.HostKeyCallback {
	return func(host string, remote net.Addr, key ssh.PublicKey) error {
		err := check(host, remote, key)
		unknown, ok := errors.AsType[*knownhosts.KeyError](err)
		if !ok {
			return err
		}
		shown := key.Type() + " " + ssh.FingerprintSHA256(key)
		if len(unknown.Want) > 0 {
			return authErrorf("%s: the server shows the host key %s, which is not the one in %s of %s: somebody may be in "+
				"between; replace it only if the server was given a new key", s.url, shown, keyKnownHosts, s.credentials.secret)
		}
		return authErrorf("%s: the host key %s of the server is not in %s of %s: compare it with what the server's "+
			"owner publishes, then add the line that 'ssh-keyscan -p %s %s' prints", s.url, shown, keyKnownHosts, s.credentials.secret, s.port, s.host)
	}
}
