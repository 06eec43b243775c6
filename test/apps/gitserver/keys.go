/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"github.com/topas-dev/topas/test/apps/gitserver/access"
)

// keys are what the server knows its users by, and what they know it by. Any of them may be missing.
type keys struct {
	login       access.Login
	certificate *tls.Certificate
	host        ssh.Signer
	authorized  ssh.PublicKey
}

func loadKeys(dir string) (k keys, err error) {
	files := map[string][]byte{}
	for _, name := range []string{"username", "password", "token", "tls.crt", "tls.key", "ssh-host-key", "ssh-authorized"} {
		files[name], err = os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return keys{}, fmt.Errorf("read the access: %w", err)
		}
	}
	k.login = access.Login{Username: string(files["username"]), Password: string(files["password"]), Token: string(files["token"])}
	if files["tls.crt"] != nil {
		certificate, err := tls.X509KeyPair(files["tls.crt"], files["tls.key"])
		if err != nil {
			return keys{}, fmt.Errorf("read the certificate: %w", err)
		}
		k.certificate = &certificate
	}
	if files["ssh-host-key"] == nil {
		return k, nil
	}
	if k.host, err = ssh.ParsePrivateKey(files["ssh-host-key"]); err != nil {
		return keys{}, fmt.Errorf("read ssh-host-key: %w", err)
	}
	if k.authorized, _, _, _, err = ssh.ParseAuthorizedKey(files["ssh-authorized"]); err != nil {
		return keys{}, fmt.Errorf("read ssh-authorized: %w", err)
	}
	return k, nil
}
