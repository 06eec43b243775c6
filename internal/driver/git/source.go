/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/memory"
)

// source is a repository on a server. Its URL holds no credentials, so that it can be stored and shown.
type source struct {
	url  string
	user *url.Userinfo
}

func parseURL(raw string) (source, error) {
	if raw == "" {
		return source{}, errors.New("the URL of the repository is missing")
	}
	u, err := url.Parse(raw)
	if err != nil {
		// The error of url.Parse repeats the URL with its password.
		return source{}, errors.New("the URL of the repository can't be parsed: " +
			"write it as https://host/path, with special characters in the user name and password percent-encoded")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return source{}, fmt.Errorf("%s: the URL of the repository must begin with https:// or http://", u.Redacted())
	}
	if u.Host == "" {
		return source{}, fmt.Errorf("%s: the URL of the repository has no host", u.Redacted())
	}
	user := u.User
	u.User = nil
	return source{url: u.String(), user: user}, nil
}

// auth returns nil, and not a nil *http.BasicAuth, where the URL had no user.
func (s source) auth() transport.AuthMethod {
	if s.user == nil {
		return nil
	}
	password, _ := s.user.Password()
	return &http.BasicAuth{Username: s.user.Username(), Password: password}
}

// list returns what the server has: branches, tags and HEAD.
func (s source) list(ctx context.Context) ([]*plumbing.Reference, error) {
	remote := gogit.NewRemote(memory.NewStorage(), &config.RemoteConfig{Name: remoteName, URLs: []string{s.url}})
	return remote.ListContext(ctx, &gogit.ListOptions{Auth: s.auth()})
}

// explain says what an error of the transport means for this repository. The server's own words are left out where
// the kind of error is known, because they tend to be a page of HTML.
func (s source) explain(err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("fetching %s: %w", s.url, err)
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return fmt.Errorf("%s: the repository is empty", s.url)
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return fmt.Errorf("%s: repository not found", s.url)
	case errors.Is(err, transport.ErrAuthenticationRequired) && s.user == nil:
		return fmt.Errorf("%s: repository not found, or it needs a user and a password", s.url)
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		return fmt.Errorf("%s: the server refused the access: user or password is wrong, or lacks the right to read", s.url)
	default:
		return fmt.Errorf("fetching %s: %w", s.url, errors.New(s.redact(err.Error())))
	}
}

// redact removes the password, should an error repeat it.
func (s source) redact(text string) string {
	if s.user == nil {
		return text
	}
	password, _ := s.user.Password()
	for _, secret := range []string{password, url.QueryEscape(password), url.PathEscape(password)} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "xxxxx")
		}
	}
	return text
}
