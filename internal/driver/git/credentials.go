/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// The keys of a Secret with credentials: those of the types kubernetes.io/basic-auth and kubernetes.io/ssh-auth, and what
// these lack. Other keys are left to others.
const (
	keyUsername    = "username"
	keyPassword    = "password"
	keyBearerToken = "bearerToken"
	keyCA          = "ca.crt"
	keySSHKey      = "ssh-privatekey"
	keyKnownHosts  = "known_hosts"
)

var allKeys = []string{keyUsername, keyPassword, keyBearerToken, keyCA, keySSHKey, keyKnownHosts}

// AuthError says that the server and the credentials don't go together: one does not accept or does not know the other,
// or the credentials are none.
type AuthError struct{ text string }

func (e *AuthError) Error() string { return e.text }

func authErrorf(format string, args ...any) error {
	return &AuthError{fmt.Sprintf(format, args...)}
}

// Credentials are the values of a Secret. Without any, only what everybody may read can be fetched.
type Credentials struct {
	// secret is how errors call the Secret.
	secret string
	values map[string]string
	// knownHosts is a file.
	knownHosts string
}

// LoadCredentials reads the credentials from a folder with a file for every key of the Secret of the given name.
func LoadCredentials(secret, dir string) (Credentials, error) {
	c := Credentials{secret: fmt.Sprintf("Secret %q", secret), values: map[string]string{}, knownHosts: filepath.Join(dir, keyKnownHosts)}
	for _, key := range allKeys {
		data, err := os.ReadFile(filepath.Join(dir, key))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Credentials{}, fmt.Errorf("reading key %s of %s: %w", key, c.secret, pathCause(err))
		}
		// Whoever makes a Secret from a file easily has a line break at its end.
		c.values[key] = strings.TrimRight(string(data), "\r\n")
	}
	if len(c.values) == 0 {
		return Credentials{}, c.nothing(dir)
	}
	return c, c.check()
}

func (c Credentials) nothing(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading %s: %w", c.secret, pathCause(err))
	}
	var names []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), "..") { // the kubelet's own
			names = append(names, entry.Name())
		}
	}
	if len(names) == 0 {
		return authErrorf("%s is not there, or is empty: make it in the namespace of the TestRun with the keys "+
			"username and password, or bearerToken, or ssh-privatekey and known_hosts", c.secret)
	}
	return authErrorf("%s has none of the keys %s%s", c.secret, strings.Join(allKeys, ", "), list("; it has ", names))
}

// check finds what is wrong whatever the URL is.
func (c Credentials) check() error {
	for _, key := range allKeys {
		if value, ok := c.values[key]; ok && value == "" {
			return authErrorf("%s: key %s is empty", c.secret, key)
		}
	}
	for _, key := range []string{keyUsername, keyPassword, keyBearerToken} {
		if strings.ContainsFunc(c.values[key], unicode.IsControl) {
			return authErrorf("%s: key %s holds a line break or another control character", c.secret, key)
		}
	}
	switch {
	case c.has(keyUsername) != c.has(keyPassword):
		return authErrorf("%s: %s and %s belong together, and one of them is missing", c.secret, keyUsername, keyPassword)
	case c.has(keyUsername) && c.has(keyBearerToken):
		return authErrorf("%s: give either %s and %s, or %s", c.secret, keyUsername, keyPassword, keyBearerToken)
	case c.has(keyCA) && !x509.NewCertPool().AppendCertsFromPEM([]byte(c.values[keyCA])):
		return authErrorf("%s: key %s holds no certificate in PEM format (-----BEGIN CERTIFICATE-----)", c.secret, keyCA)
	}
	return nil
}

// checkScheme refuses what a URL of that scheme has no use for, because it is a sign of a wrong URL or a wrong Secret.
func (c Credentials) checkScheme(scheme string) error {
	allowed, words := []string{keyUsername, keyPassword, keyBearerToken}, "username and password, or bearerToken"
	switch scheme {
	case "https":
		allowed, words = append(allowed, keyCA), words+", and ca.crt"
	case "ssh":
		allowed, words = []string{keySSHKey, keyKnownHosts}, "ssh-privatekey and known_hosts"
	}
	for _, key := range allKeys {
		if c.has(key) && !slices.Contains(allowed, key) {
			return authErrorf("%s: key %s is not for URLs of %s, which take %s", c.secret, key, scheme, words)
		}
	}
	if scheme != "ssh" {
		return nil
	}
	for _, key := range allowed {
		if !c.has(key) {
			return authErrorf("%s: key %s is missing: URLs of ssh need %s", c.secret, key, words)
		}
	}
	return nil
}

func (c Credentials) has(key string) bool {
	_, ok := c.values[key]
	return ok
}

func (c Credentials) none() bool { return len(c.values) == 0 }

// redact removes the credentials, should an error repeat them.
func (c Credentials) redact(text string) string {
	for _, key := range []string{keyPassword, keyBearerToken, keySSHKey} {
		if c.has(key) {
			text = strings.ReplaceAll(text, c.values[key], "xxxxx")
		}
	}
	return text
}
