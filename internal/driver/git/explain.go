/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/http"
)

// networkError is one that may be gone the next time.
type networkError struct{ text string }

func (e *networkError) Error() string { return e.text }

// explain says what an error of the transport means for this repository. The server's own words are left out where
// the kind of error is known, because they tend to be a page of HTML.
func (s source) explain(err error) error {
	err = cause(err)
	if auth, ok := errors.AsType[*AuthError](err); ok {
		return auth
	}
	var unknownCA x509.UnknownAuthorityError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("fetching %s: %w", s.url, err)
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return fmt.Errorf("%s: the repository is empty", s.url)
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return fmt.Errorf("%s: repository not found", s.url)
	case errors.Is(err, transport.ErrAuthenticationRequired) && s.auth == nil:
		return authErrorf("%s: repository not found, or it needs a user and a password, or a token%s", s.url, s.apart)
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed):
		return authErrorf("%s: the server refused the access: %s is wrong, or lacks the right to read%s", s.url, s.login(), s.apart)
	case s.scheme == schemeSSH && strings.Contains(err.Error(), "ssh: unable to authenticate"):
		return authErrorf("%s: the server refused the access: it does not know the key in %s of %s", s.url, keySSHKey, s.credentials.secret)
	case s.scheme == schemeSSH && strings.Contains(err.Error(), "no common algorithm for host key"):
		return authErrorf("%s: the server has none of the host keys in %s of %s", s.url, keyKnownHosts, s.credentials.secret)
	case errors.As(err, &unknownCA):
		return authErrorf("%s: the certificate of the server is signed by an unknown authority: give that authority's certificate "+
			"in %s of the Secret of secretRef", s.url, keyCA)
	}
	text := fmt.Sprintf("fetching %s: %s", s.url, s.credentials.redact(err.Error()))
	if networkFault(err) {
		return &networkError{text}
	}
	return errors.New(text)
}

func (s source) login() string {
	switch s.auth.(type) {
	case *http.BasicAuth:
		return "user or password"
	case *http.TokenAuth:
		return "the token"
	default:
		return "it needs a login, or what there is"
	}
}

// cause opens the errors of go-git that can't be unwrapped.
func cause(err error) error {
	for {
		if unexpected, ok := errors.AsType[*plumbing.UnexpectedError](err); ok {
			err = unexpected.Err
		} else if permanent, ok := errors.AsType[*plumbing.PermanentError](err); ok {
			err = permanent.Err
		} else {
			return err
		}
	}
}

// networkFault reports whether err comes from the way to the server. What the server answers is none, except from a
// proxy that can't reach it.
func networkFault(err error) bool {
	err = cause(err)
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if answer, ok := errors.AsType[*http.Err](err); ok {
		return slices.Contains([]int{nethttp.StatusBadGateway, nethttp.StatusServiceUnavailable, nethttp.StatusGatewayTimeout}, answer.StatusCode())
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		return !name.IsNotFound
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op != "remote error" // an alert of TLS
	}
	return slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, os.ErrDeadlineExceeded, syscall.ECONNRESET, syscall.EPIPE},
		func(fault error) bool { return errors.Is(err, fault) })
}
