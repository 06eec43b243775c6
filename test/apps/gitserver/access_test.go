/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	driver "github.com/topas-dev/topas/internal/driver/git"
	"github.com/topas-dev/topas/test/apps/gitserver/access"
)

// TestAccess fetches from one server in every way that there is, with the code that runs do it with.
func TestAccess(t *testing.T) {
	content := t.TempDir()
	configMap(t, filepath.Join(content, "app"), map[string]string{
		"main.lua": "return require('lib.lib')\n", ".gitmodules": "[submodule \"lib\"]\n\tpath = lib\n\turl = ../lib.git\n",
	})
	configMap(t, filepath.Join(content, "lib"), map[string]string{"lib.lua": "return 1\n"})

	ca, certificate, key, err := access.NewCertificate("127.0.0.1")
	must(t, err)
	hostPEM, hostKey, err := access.NewKey()
	must(t, err)
	userPEM, userKey, err := access.NewKey()
	must(t, err)
	_, otherKey, err := access.NewKey()
	must(t, err)
	dir := t.TempDir()
	for name, value := range map[string]string{
		"username": "tester", "password": "s3cret", "token": "t0ken", "tls.crt": certificate, "tls.key": key,
		"ssh-host-key": hostPEM, "ssh-authorized": string(ssh.MarshalAuthorizedKey(userKey.PublicKey())),
	} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(value), 0o600))
	}
	addresses, commits := startWith(t, content, dir)
	plain, secured, overSSH := "http://"+addresses[0], "https://"+addresses[1], "ssh://git@"+addresses[2]
	known := access.KnownHost(addresses[2], hostKey)

	for _, tc := range []struct {
		reason string
		url    string
		secret map[string]string
		fails  string
	}{
		{"everybody", plain + "/app.git", nil, ""},
		{"everybody, with the CA", secured + "/app.git", map[string]string{"ca.crt": ca}, ""},
		{"a password", secured + "/private/app.git", map[string]string{"username": "tester", "password": "s3cret", "ca.crt": ca}, ""},
		{"a token", secured + "/bearer/app.git", map[string]string{"bearerToken": "t0ken", "ca.crt": ca}, ""},
		{"a key", overSSH + "/app.git", map[string]string{"ssh-privatekey": userPEM, "known_hosts": known}, ""},
		{"no CA", secured + "/app.git", nil, "unknown authority"},
		{"a wrong password", plain + "/private/app.git", map[string]string{"username": "tester", "password": "wrong"}, "user or password is wrong"},
		{"a wrong token", plain + "/bearer/app.git", map[string]string{"bearerToken": "wrong"}, "the token is wrong"},
		{"a password for the token", plain + "/bearer/app.git", map[string]string{"username": "tester", "password": "s3cret"}, "is wrong"},
		{"a key that the server does not know", overSSH + "/app.git", map[string]string{"ssh-privatekey": hostPEM, "known_hosts": known}, "does not know the key"},
		{"a server with another key", overSSH + "/app.git", map[string]string{"ssh-privatekey": userPEM, "known_hosts": access.KnownHost(addresses[2], otherKey)}, "is not the one in known_hosts"},
		{"a repository outside", overSSH + "/../app.git", map[string]string{"ssh-privatekey": userPEM, "known_hosts": known}, "fetching "},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			o := driver.Options{URL: tc.url, Path: "lib/lib.lua", Dir: t.TempDir()}
			if tc.secret != nil {
				o.Credentials = credentials(t, tc.secret)
			}
			commit, err := driver.Fetch(t.Context(), o)
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) {
					t.Errorf("error is %v, want %s", err, tc.fails)
				}
				return
			}
			if err != nil || commit != commits["app"] {
				t.Errorf("commit is %s (%v), want %s", commit, err, commits["app"])
			}
		})
	}
}

func credentials(t *testing.T, values map[string]string) driver.Credentials {
	t.Helper()
	dir := t.TempDir()
	for key, value := range values {
		must(t, os.WriteFile(filepath.Join(dir, key), []byte(value), 0o600))
	}
	credentials, err := driver.LoadCredentials("git-login", dir)
	must(t, err)
	return credentials
}

// TestWrongKeysAreNamed has files that hold something else.
func TestWrongKeysAreNamed(t *testing.T) {
	for file, want := range map[string]string{"tls.crt": "read the certificate: ", "ssh-host-key": "read ssh-host-key: "} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, file), []byte("none"), 0o600))
		if _, err := loadKeys(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %s", file, err, want)
		}
	}
}
