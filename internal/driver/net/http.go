/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	stdnet "net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Request is an HTTP request.
type Request struct {
	Method string
	// URL is absolute: http or https.
	URL string
	// Query is added to the query of the URL.
	Query   url.Values
	Headers http.Header
	Body    []byte
	// User and Password are sent as basic authentication if User is set.
	User, Password string
	// Timeout of the whole exchange; DefaultTimeout if it is 0.
	Timeout time.Duration
	// MaxRedirects is how many redirects are followed. With 0, the answer that redirects is returned.
	MaxRedirects int
	TLS          TLS
	// Jar keeps the cookies of a run, and gives them to its requests. It may be nil.
	Jar http.CookieJar
}

// Response is the answer to a Request, whatever its status.
type Response struct {
	Code int
	// Status is the code with its text, such as "200 OK".
	Status  string
	Headers http.Header
	Body    []byte
	// URL is that of the last request, after redirects.
	URL string
	// Duration of the whole exchange, redirects and body included.
	Duration time.Duration
}

// Do sends a request and reads the whole answer. An error says that there is none, and why: it names the method, the
// URL and, for a host of the App, where it was reached.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	if r.Timeout == 0 {
		r.Timeout = DefaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()

	request, err := newRequest(limited, r)
	if err != nil {
		return nil, err
	}
	transport, err := c.transport(r.TLS)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL, err)
	}
	response, err := roundTrip(transport, request, r)
	if err != nil {
		return nil, c.httpError(ctx, r, request.URL, err)
	}
	return response, nil
}

func newRequest(ctx context.Context, r Request) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		var unparsed *url.Error
		if errors.As(err, &unparsed) {
			err = unparsed.Err
		}
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL, err)
	}
	if scheme := request.URL.Scheme; scheme != "http" && scheme != "https" || request.URL.Hostname() == "" {
		return nil, fmt.Errorf("%s %s: want a URL such as http://frontend/path or https://example.com", r.Method, r.URL)
	}
	if len(r.Query) > 0 {
		query := request.URL.Query()
		for name, values := range r.Query {
			query[name] = append(query[name], values...)
		}
		request.URL.RawQuery = query.Encode()
	}
	if r.Headers != nil {
		request.Header = r.Headers.Clone()
	}
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", "topas")
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
	}
	if r.User != "" {
		request.SetBasicAuth(r.User, r.Password)
	}
	return request, nil
}

// roundTrip follows redirects and reads the body.
func roundTrip(transport http.RoundTripper, request *http.Request, r Request) (*Response, error) {
	client := http.Client{Transport: transport, Jar: r.Jar, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		switch {
		case r.MaxRedirects == 0:
			return http.ErrUseLastResponse
		case len(via) > r.MaxRedirects:
			return fmt.Errorf("more than %d redirects", r.MaxRedirects)
		}
		return nil
	}}
	started := time.Now()
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	// The body was read to its end, or nobody wants the rest.
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read the body of the response %s: %w", answer.Status, err)
	}
	if len(body) > MaxBody {
		return nil, fmt.Errorf("the body of the response %s has more than %d MiB", answer.Status, MaxBody>>20)
	}
	return &Response{
		Code: answer.StatusCode, Status: answer.Status, Headers: answer.Header, Body: body,
		URL: answer.Request.URL.String(), Duration: time.Since(started),
	}, nil
}

// transport returns the connections that share a TLS configuration.
func (c *Client) transport(options TLS) (http.RoundTripper, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	transport, ok := c.transports[options]
	if !ok {
		config, err := options.config()
		if err != nil {
			return nil, err
		}
		transport = &http.Transport{
			Proxy:               c.proxy,
			DialContext:         c.dial,
			TLSClientConfig:     config,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: 16,
			IdleConnTimeout:     30 * time.Second,
		}
		c.transports[options] = transport
	}
	return ownPort{resolver: c.resolver, next: transport}, nil
}

// proxy leaves hosts of the App alone: they are in the same cluster.
func (c *Client) proxy(request *http.Request) (*url.URL, error) {
	if _, _, ok := c.resolver.Resolve(request.URL.Hostname()); ok {
		return nil, nil
	}
	return http.ProxyFromEnvironment(request)
}

// ownPort sends requests for a host of the App, without a port, to the service's own port, redirects included.
type ownPort struct {
	resolver Resolver
	next     http.RoundTripper
}

func (o ownPort) RoundTrip(request *http.Request) (*http.Response, error) {
	host := request.URL.Hostname()
	_, port, ok := o.resolver.Resolve(host)
	if !ok || request.URL.Port() != "" {
		return o.next.RoundTrip(request)
	}
	sent := request.Clone(request.Context())
	sent.URL.Host = stdnet.JoinHostPort(host, strconv.Itoa(int(port)))
	if sent.Host == "" {
		sent.Host = request.URL.Host
	}
	response, err := o.next.RoundTrip(sent)
	if response != nil {
		response.Request = request
	}
	return response, err
}

// httpError says what came of a request that got no answer.
func (c *Client) httpError(ctx context.Context, r Request, asked *url.URL, err error) error {
	what := fmt.Sprintf("%s %s%s", r.Method, r.URL, c.reachedAs(asked.Hostname(), asked.Port()))
	var failed *url.Error
	if errors.As(err, &failed) {
		// After a redirect, the request that failed is not the one that was asked for.
		if last, parseErr := url.Parse(failed.URL); parseErr == nil && last.Host != "" && last.Host != asked.Host {
			what += fmt.Sprintf(", redirected to %s%s", failed.URL, c.reachedAs(last.Hostname(), last.Port()))
		}
		err = failed.Err
	}
	return fmt.Errorf("%s: %w", what, explain(ctx, r.Timeout, err))
}

// explain puts the usual cause of a failed connection in front of the error.
func explain(ctx context.Context, timeout time.Duration, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var lookup *stdnet.DNSError
	var timedOut interface{ Timeout() bool }
	switch {
	case errors.As(err, &lookup) && lookup.IsNotFound:
		return fmt.Errorf("no such host: it is no service of the App, and DNS does not know it: %w", err)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timedOut) && timedOut.Timeout():
		return fmt.Errorf("no answer within %s: %w", timeout, err)
	case strings.Contains(err.Error(), "tls: ") || strings.Contains(err.Error(), "x509: "):
		return fmt.Errorf("TLS: %w", err)
	}
	return err
}
