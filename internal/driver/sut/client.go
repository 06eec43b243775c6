/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package sut works on the system under test: the one App that a test was given.
package sut

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// connectTimeout bounds the first look at the App, which is taken again every connectInterval while the API server is out of
// reach: a test has better things to fail for. What is forbidden for longer than permitTimeout stays so; an API server that
// has just started, or a RoleBinding that was just made, may take a moment.
const (
	connectTimeout  = 30 * time.Second
	permitTimeout   = 5 * time.Second
	connectInterval = 250 * time.Millisecond
)

// refreshTimeout bounds the look at the App when a host name isn't known. More than one such look a refreshInterval
// would let a test that calls many outside hosts disturb the API server.
const (
	refreshTimeout  = 10 * time.Second
	refreshInterval = time.Second
)

// NewKube returns a client for Config.Kube.
func NewKube(cluster *rest.Config) (client.WithWatch, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("registering the kinds of topas.dev: %w", err)
	}
	kube, err := client.NewWithWatch(cluster, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("making a client of the API server: %w", err)
	}
	return kube, nil
}

// Config says which App a Client works on.
type Config struct {
	// Kube reads, watches and updates the App. Its scheme knows v1alpha1.
	Kube client.WithWatch
	// Cluster reaches the Pods of the App, for their logs and for commands in them. Without it there are neither.
	Cluster *rest.Config
	// Namespace and App name the App.
	Namespace, App string
	// Host returns the host at which a service or database of the App is reached, by its name in the App. Nil means
	// the name inside the cluster, "<app>-<name>.<namespace>.svc".
	Host func(name string) string
	// Dial makes a connection, to see whether a service or database accepts one. Nil means a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// NotFoundError says that the App doesn't exist.
type NotFoundError struct{ Namespace, App string }

// Error implements error.
func (e *NotFoundError) Error() string {
	return fmt.Sprintf("app %q not found in namespace %q", e.App, e.Namespace)
}

// Client works on one App. It can be used by several goroutines.
type Client struct {
	kube client.WithWatch
	core *core
	key  client.ObjectKey
	host func(name string) string
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	// ctx ends with the test. Looking up a host name has no context of its own.
	ctx context.Context

	mu        sync.Mutex
	seen      *v1alpha1.App // as it was last seen; replaced, never changed
	refreshed time.Time
	origins   map[string]*origin // of the services that this test has changed
}

// New returns a Client that works until ctx ends. The App must exist: else the error is a *NotFoundError.
func New(ctx context.Context, c Config) (*Client, error) {
	s := &Client{kube: c.Kube, key: client.ObjectKey{Namespace: c.Namespace, Name: c.App}, host: c.Host, dial: c.Dial, ctx: ctx, origins: map[string]*origin{}}
	if s.host == nil {
		s.host = func(name string) string { return c.App + "-" + name + "." + c.Namespace + ".svc" }
	}
	if s.dial == nil {
		s.dial = (&net.Dialer{}).DialContext
	}
	var err error
	if s.core, err = newCore(c.Cluster); err != nil {
		return nil, err
	}
	if err := s.firstLook(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func (c *Client) firstLook(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	start := time.Now()
	for {
		_, err := c.App(ctx)
		if err == nil || lasting(err, time.Since(start)) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(connectInterval):
		}
	}
}

// lasting reports whether the error of a look at the App will be the same again after it was so for this long.
func lasting(err error, since time.Duration) bool {
	var missing *NotFoundError
	var answer apierrors.APIStatus
	switch {
	case errors.As(err, &missing):
		return true
	case !errors.As(err, &answer):
		return false // there was no answer
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return since > permitTimeout
	default:
		code := answer.Status().Code
		return code < http.StatusInternalServerError && code != http.StatusTooManyRequests
	}
}

// App returns the App as it is now. The caller must not change it.
func (c *Client) App(ctx context.Context) (*v1alpha1.App, error) {
	app := &v1alpha1.App{}
	err := c.kube.Get(ctx, c.key, app)
	if apierrors.IsNotFound(err) {
		return nil, &NotFoundError{Namespace: c.key.Namespace, App: c.key.Name}
	}
	if err != nil {
		return nil, fmt.Errorf("reading app %q: %w", c.key.Name, err)
	}
	c.remember(app)
	return app, nil
}

func (c *Client) remember(app *v1alpha1.App) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen, c.refreshed = app, time.Now()
}

// lastSeen returns the App as it was last seen. With fresh it is read again, unless that was done a moment ago or
// can't be done now.
func (c *Client) lastSeen(fresh bool) *v1alpha1.App {
	c.mu.Lock()
	app := c.seen
	if !fresh || time.Since(c.refreshed) < refreshInterval {
		c.mu.Unlock()
		return app
	}
	c.refreshed = time.Now()
	c.mu.Unlock()

	ctx, cancel := context.WithTimeout(c.ctx, refreshTimeout)
	defer cancel()
	if current, err := c.App(ctx); err == nil {
		return current
	}
	return app
}

// names lists what the App consists of, for errors.
func names(app *v1alpha1.App) string {
	var all []string
	for _, s := range app.Spec.Services {
		all = append(all, s.Name)
	}
	for _, d := range app.Spec.Databases {
		all = append(all, d.Name)
	}
	if len(all) == 0 {
		return "it has neither services nor databases"
	}
	return "it has " + strings.Join(all, ", ")
}

func service(app *v1alpha1.App, name string) *v1alpha1.ServiceSpec {
	for i := range app.Spec.Services {
		if app.Spec.Services[i].Name == name {
			return &app.Spec.Services[i]
		}
	}
	return nil
}

func database(app *v1alpha1.App, name string) *v1alpha1.DatabaseSpec {
	for i := range app.Spec.Databases {
		if app.Spec.Databases[i].Name == name {
			return &app.Spec.Databases[i]
		}
	}
	return nil
}
