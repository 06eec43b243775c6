/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"strings"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/memory"
)

const schemeSSH = "ssh"

var (
	// scpLike is user@host:path, which git takes for SSH.
	scpLike = regexp.MustCompile(`^([A-Za-z0-9_.-]+)@([^:/]+):(.+)$`)

	defaultPorts = map[string]string{"http": "80", "https": "443", schemeSSH: "22"}
)

// source is a repository on a server. Its URL holds no credentials, so that it can be stored and shown.
type source struct {
	url string
	// scheme, host and port are what credentials are for.
	scheme, host, port string
	credentials        Credentials
	auth               transport.AuthMethod
	// apart explains why a submodule gets no credentials.
	apart string
}

// newSource is the repository of raw, which the credentials are sent to.
func newSource(raw string, credentials Credentials) (source, error) {
	s, user, err := parseURL(raw)
	if err != nil {
		return source{}, err
	}
	return s.with(credentials, user)
}

func parseURL(raw string) (s source, user string, err error) {
	if raw == "" {
		return source{}, "", errors.New("the URL of the repository is missing")
	}
	if parts := scpLike.FindStringSubmatch(raw); parts != nil {
		return source{url: raw, scheme: schemeSSH, host: strings.ToLower(parts[2]), port: defaultPorts[schemeSSH]}, parts[1], nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		// The error of url.Parse repeats the URL, which may hold a password.
		return source{}, "", errors.New("the URL of the repository can't be parsed: write it as https://host/path or ssh://git@host/path")
	}
	port, ok := defaultPorts[u.Scheme]
	_, password := u.User.Password()
	shown := *u
	shown.User = nil
	switch {
	case !ok:
		return source{}, "", fmt.Errorf("%s: the URL of the repository must begin with https://, http:// or ssh://, or have the form user@host:path", &shown)
	case u.Hostname() == "":
		return source{}, "", fmt.Errorf("%s: the URL of the repository has no host", &shown)
	case password, u.User != nil && u.Scheme != schemeSSH:
		return source{}, "", fmt.Errorf("%s: the URL of the repository must not hold a user name, password or token: give them in a Secret", &shown)
	}
	return source{url: u.String(), scheme: u.Scheme, host: strings.ToLower(u.Hostname()), port: cmp.Or(u.Port(), port)}, u.User.Username(), nil
}

func (s source) with(credentials Credentials, user string) (source, error) {
	s.credentials = credentials
	if s.scheme == schemeSSH {
		return s.withKey(cmp.Or(user, "git"))
	}
	if err := credentials.checkScheme(s.scheme); err != nil {
		return source{}, fmt.Errorf("%s: %w", s.url, err)
	}
	switch {
	case credentials.has(keyUsername):
		s.auth = &http.BasicAuth{Username: credentials.values[keyUsername], Password: credentials.values[keyPassword]}
	case credentials.has(keyBearerToken):
		s.auth = &http.TokenAuth{Token: credentials.values[keyBearerToken]}
	}
	return s, nil
}

// submodule is the repository of a URL in .gitmodules. It gets the credentials only if it is on the same server, lest
// a repository have them sent to a server of its choice. The CA is no secret.
func (s source) submodule(raw string) (source, error) {
	if strings.HasPrefix(raw, "./") || strings.HasPrefix(raw, "../") {
		raw = s.join(raw)
	}
	if u, err := url.Parse(raw); err == nil && u.Scheme != schemeSSH {
		u.User = nil
		raw = u.String()
	}
	sub, user, err := parseURL(raw)
	if err != nil {
		return source{}, err
	}
	if sub.origin() == s.origin() {
		sub.apart = s.apart
		return sub.with(s.credentials, user)
	}
	sub.apart = fmt.Sprintf(" (it is on another server than %s, and gets no credentials)", s.url)
	credentials := Credentials{secret: s.credentials.secret}
	if sub.scheme == "https" && s.credentials.has(keyCA) {
		credentials.values = map[string]string{keyCA: s.credentials.values[keyCA]}
	}
	return sub.with(credentials, user)
}

func (s source) origin() string { return s.scheme + "://" + net.JoinHostPort(s.host, s.port) }

// join resolves a relative URL the way that git does.
func (s source) join(relative string) string {
	if parts := scpLike.FindStringSubmatch(s.url); parts != nil {
		return parts[1] + "@" + parts[2] + ":" + path.Join(parts[3], relative)
	}
	u, err := url.Parse(s.url)
	if err != nil {
		return relative
	}
	u.Path, u.RawPath = path.Join(u.Path, relative), ""
	return u.String()
}

// list returns what the server has: branches, tags and HEAD.
func (s source) list(ctx context.Context) ([]*plumbing.Reference, error) {
	remote := gogit.NewRemote(memory.NewStorage(), &config.RemoteConfig{Name: remoteName, URLs: []string{s.url}})
	return remote.ListContext(ctx, &gogit.ListOptions{Auth: s.auth, CABundle: s.ca()})
}

func (s source) ca() []byte { return []byte(s.credentials.values[keyCA]) }
