/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git_test

import (
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/topas-dev/topas/internal/driver/git"
	"github.com/topas-dev/topas/test/apps/gitserver/access"
)

func TestFetchLogsIn(t *testing.T) {
	plain, secured := newServer(t), newTLSServer(t)
	remote := newSSHServer(t, plain.dir)
	h := newHistory(t, plain, "private/app.git")
	for _, to := range []string{filepath.Join(plain.dir, "bearer"), filepath.Join(secured.dir, "private"), filepath.Join(secured.dir, "bearer")} {
		run(t, plain.dir, "git", "clone", "-q", "--mirror", h.bare, filepath.Join(to, "app.git"))
	}
	basic := map[string]string{"username": user, "password": password}
	bearer := map[string]string{"bearerToken": token}
	key := map[string]string{"ssh-privatekey": remote.key, "known_hosts": remote.knownHosts}

	for _, tc := range []struct {
		reason string
		url    string
		secret map[string]string
	}{
		{"a user and a password", plain.url + "/private/app.git", basic},
		{"a line break at the end of each value", plain.url + "/private/app.git", map[string]string{"username": user + "\n", "password": password + "\r\n"}},
		{"keys for others", plain.url + "/private/app.git", map[string]string{"username": user, "password": password, "note": "x"}},
		{"a token", plain.url + "/bearer/app.git", bearer},
		{"a user and a password by TLS", secured.url + "/private/app.git", merged(basic, map[string]string{"ca.crt": secured.ca})},
		{"a token by TLS", secured.url + "/bearer/app.git", merged(bearer, map[string]string{"ca.crt": secured.ca})},
		{"a key", "ssh://git@" + remote.address + "/private/app.git", key},
		{"a key, and the user that there always is", "ssh://" + remote.address + "/private/app.git", key},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			for _, revision := range []struct{ name, commit string }{{"", h.tip}, {"v1.0.0", h.first}, {h.second[:10], h.second}, {h.second, h.second}} {
				dir := t.TempDir()
				commit, err := git.Fetch(t.Context(), git.Options{
					URL: tc.url, Credentials: secret(t, tc.secret), Revision: revision.name, Path: script, Dir: dir,
				})
				if err != nil {
					t.Fatal(err)
				}
				if commit != revision.commit {
					t.Errorf("commit of revision %q is %s, want %s", revision.name, commit, revision.commit)
				}
				stored := read(t, dir, ".git/config")
				for _, value := range tc.secret {
					if strings.Contains(stored, strings.TrimSpace(value)) {
						t.Errorf("the credentials are stored:\n%s", stored)
					}
				}
			}
		})
	}
}

func TestFetchSaysWhatIsWrongWithTheLogin(t *testing.T) {
	plain, secured := newServer(t), newTLSServer(t)
	remote := newSSHServer(t, plain.dir)
	newHistory(t, plain, "private/app.git")
	newHistory(t, plain, "bearer/app.git")
	overSSH := "ssh://git@" + remote.address + "/private/app.git"
	host, port, err := net.SplitHostPort(remote.address)
	if err != nil {
		t.Fatal(err)
	}
	otherKey, other := newKey(t)
	otherHost := access.KnownHost("git.example.com", other)
	changed := access.KnownHost(remote.address, other)

	for _, tc := range []struct {
		reason string
		url    string
		secret map[string]string
		want   string
	}{
		{
			"a wrong token", plain.url + "/bearer/app.git", map[string]string{"bearerToken": "hidden-token"},
			plain.url + "/bearer/app.git: the server refused the access: the token is wrong, or lacks the right to read",
		},
		{
			"a server whose CA is unknown", secured.url + "/private/app.git", map[string]string{"username": user, "password": "hidden"},
			secured.url + "/private/app.git: the certificate of the server is signed by an unknown authority: " +
				"give that authority's certificate in ca.crt of the Secret of secretRef",
		},
		{
			"SSH without a Secret", overSSH, nil,
			overSSH + ": SSH needs a Secret with the keys ssh-privatekey and known_hosts",
		},
		{
			"SSH in the form of scp", "git@git.example.com:app.git", nil,
			"git@git.example.com:app.git: SSH needs a Secret with the keys ssh-privatekey and known_hosts",
		},
		{
			"an unknown host", overSSH, map[string]string{"ssh-privatekey": remote.key, "known_hosts": otherHost},
			overSSH + ": the host key " + remote.fingerprint + ` of the server is not in known_hosts of Secret "git-login": compare it with ` +
				"what the server's owner publishes, then add the line that 'ssh-keyscan -p " + port + " " + host + "' prints",
		},
		{
			"a host with another key", overSSH, map[string]string{"ssh-privatekey": remote.key, "known_hosts": changed},
			overSSH + ": the server shows the host key " + remote.fingerprint + `, which is not the one in known_hosts of Secret "git-login"`,
		},
		{
			"a key that the server does not know", overSSH, map[string]string{"ssh-privatekey": otherKey, "known_hosts": remote.knownHosts},
			overSSH + `: the server refused the access: it does not know the key in ssh-privatekey of Secret "git-login"`,
		},
		{
			"a key that is none", overSSH, map[string]string{"ssh-privatekey": "hidden", "known_hosts": remote.knownHosts},
			`Secret "git-login": key ssh-privatekey holds no private key of a format that OpenSSH writes`,
		},
		{
			"a key with a passphrase", overSSH, map[string]string{"ssh-privatekey": lockedKey(t), "known_hosts": remote.knownHosts},
			`Secret "git-login": key ssh-privatekey needs a passphrase, which nobody could enter: give a key without one`,
		},
		{
			"known_hosts that are none", overSSH, map[string]string{"ssh-privatekey": remote.key, "known_hosts": "git.example.com"},
			`Secret "git-login": key known_hosts can't be read, it must hold lines such as ssh-keyscan prints: `,
		},
		{
			"SSH without known_hosts", overSSH, map[string]string{"ssh-privatekey": remote.key},
			overSSH + `: Secret "git-login": key known_hosts is missing: URLs of ssh need ssh-privatekey and known_hosts`,
		},
		{
			"a password for SSH", overSSH, map[string]string{"username": user, "password": "hidden"},
			overSSH + `: Secret "git-login": key username is not for URLs of ssh, which take ssh-privatekey and known_hosts`,
		},
		{
			"a key for https", "https://git.example.com/app.git", map[string]string{"ssh-privatekey": remote.key},
			`Secret "git-login": key ssh-privatekey is not for URLs of https, which take username and password, or bearerToken, and ca.crt`,
		},
		{
			"a CA for http", plain.url + "/app.git", map[string]string{"ca.crt": secured.ca},
			`Secret "git-login": key ca.crt is not for URLs of http, which take username and password, or bearerToken`,
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			o := git.Options{URL: tc.url, Path: script, Dir: t.TempDir()}
			if tc.secret != nil {
				o.Credentials = secret(t, tc.secret)
			}
			_, err := git.Fetch(t.Context(), o)
			expectAuthError(t, err, tc.want)
		})
	}
}

func TestSecretsThatAreRefused(t *testing.T) {
	for _, tc := range []struct {
		reason string
		secret map[string]string
		want   string
	}{
		{
			"no Secret", nil, `Secret "git-login" is not there, or is empty: make it in the namespace of the TestRun with the keys ` +
				"username and password, or bearerToken, or ssh-privatekey and known_hosts",
		},
		{
			"none of the keys", map[string]string{"identity": "hidden", "token": "hidden"},
			`Secret "git-login" has none of the keys username, password, bearerToken, ca.crt, ssh-privatekey, known_hosts; it has identity, token`,
		},
		{"an empty value", map[string]string{"bearerToken": "\n"}, `Secret "git-login": key bearerToken is empty`},
		{"a line break inside", map[string]string{"bearerToken": "hidden\nhidden"}, `Secret "git-login": key bearerToken holds a line break`},
		{"a user alone", map[string]string{"username": user}, `Secret "git-login": username and password belong together, and one of them is missing`},
		{"a password alone", map[string]string{"password": "hidden"}, "username and password belong together"},
		{
			"a password and a token", map[string]string{"username": user, "password": "hidden", "bearerToken": "hidden"},
			`Secret "git-login": give either username and password, or bearerToken`,
		},
		{"a CA that is none", map[string]string{"ca.crt": "hidden"}, `Secret "git-login": key ca.crt holds no certificate in PEM format`},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			_, err := git.LoadCredentials("git-login", secretDir(t, tc.secret))
			expectAuthError(t, err, tc.want)
		})
	}
	if _, err := git.LoadCredentials("git-login", filepath.Join(t.TempDir(), "missing")); err == nil || !strings.Contains(err.Error(), "is not there") {
		t.Errorf("without a folder the error is %v", err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "password"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := git.LoadCredentials("git-login", dir); err == nil || !strings.HasPrefix(err.Error(), `reading key password of Secret "git-login": `) {
		t.Errorf("with a folder in place of a file the error is %v", err)
	}
}

func expectAuthError(t *testing.T, err error, want string) {
	t.Helper()
	if _, ok := errors.AsType[*git.AuthError](err); !ok || !strings.Contains(err.Error(), want) {
		t.Errorf("error is\n\t%T %v\nwant an AuthError\n\t%s", err, err, want)
	}
	if err != nil && (strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "PRIVATE KEY-----\n")) {
		t.Errorf("error shows the credentials: %v", err)
	}
}

func lockedKey(t *testing.T) string {
	t.Helper()
	key, _ := newKey(t)
	private, err := ssh.ParseRawPrivateKey([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("passphrase"))
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

func merged(a, b map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range []map[string]string{a, b} {
		for key, value := range m {
			all[key] = value
		}
	}
	return all
}
