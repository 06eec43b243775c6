/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package db queries, seeds and checks PostgreSQL databases: those of the App under test and others.
package db

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/topas-dev/topas/api/v1alpha1"
)

const (
	defaultPort    = 5432
	defaultTimeout = 30 * time.Second
)

// App knows the databases of the App under test.
type App interface {
	// Database returns the database that a host names and the name to dial. It is not ok for a host that is none.
	Database(host string) (database v1alpha1.DatabaseSpec, target string, ok bool)
	// Databases returns the names of all databases of the App.
	Databases() []string
}

// Secrets has the credentials of databases whose App leaves them to a Secret.
type Secrets interface {
	// Credentials returns which of the keys user, password and dbname the Secret of a database has, with their values.
	Credentials(database string) (map[string]string, error)
}

// Options say what to connect to. What is left out comes from the App, if Host is one of its databases.
type Options struct {
	// Host is a database of the App or another host; by default the only database of the App.
	Host string
	// Port is 5432 by default.
	Port int
	// User, Password and Database must be given for a host that is not of the App. So must the password of a user
	// who is not the one that the App names.
	User, Password, Database string
	// SSLMode is one of PostgreSQL's: disable, allow, prefer (the default), require, verify-ca or verify-full.
	SSLMode string
	// Timeout of connecting, to a server that may still have to start; 30 seconds by default.
	Timeout time.Duration
}

// Client makes connections and closes them in the end. It is used by one goroutine at a time.
type Client struct {
	app     App
	secrets Secrets
	conns   []*Conn
}

// NewClient returns a client without connections.
func NewClient(app App, secrets Secrets) *Client {
	return &Client{app: app, secrets: secrets}
}

// Close closes all connections.
func (c *Client) Close(ctx context.Context) error {
	var failed []error
	for _, conn := range c.conns {
		failed = append(failed, conn.close(ctx))
	}
	c.conns = nil
	return errors.Join(failed...)
}

// Connect connects to a database. Errors name the database, the host and the user, never the password.
func (c *Client) Connect(ctx context.Context, options Options) (*Conn, error) {
	address, err := c.address(options)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	config, err := address.config()
	if err != nil {
		return nil, err
	}
	conn := &Conn{address: address, config: config}
	if err := conn.connect(ctx); err != nil {
		return nil, err
	}
	c.conns = append(c.conns, conn)
	return conn, nil
}

// address is where a connection goes, with everything filled in.
type address struct {
	Options
	// target is the name to dial.
	target string
}

func (c *Client) address(options Options) (address, error) {
	if options.Host == "" {
		names := c.app.Databases()
		switch len(names) {
		case 0:
			return address{}, errors.New("host is missing, and the App has no database")
		case 1:
			options.Host = names[0]
		default:
			return address{}, fmt.Errorf("host is missing, and the App has several databases: %s", strings.Join(names, ", "))
		}
	}
	full := address{Options: options, target: options.Host}
	if spec, target, ok := c.app.Database(options.Host); ok {
		full.target = target
		if err := c.complete(&full, spec); err != nil {
			return address{}, err
		}
	}
	full.Port = cmp.Or(full.Port, defaultPort)
	full.SSLMode = cmp.Or(full.SSLMode, "prefer")
	full.Timeout = cmp.Or(full.Timeout, defaultTimeout)
	return full, full.check(c.app.Databases())
}

// complete takes what is left out from the App.
func (c *Client) complete(a *address, spec v1alpha1.DatabaseSpec) error {
	a.Port = cmp.Or(a.Port, int(spec.Port))
	if a.User != "" && a.Password != "" && a.Database != "" {
		return nil
	}
	own, err := c.credentials(spec)
	if err != nil {
		return err
	}
	a.User = cmp.Or(a.User, own["user"])
	a.Database = cmp.Or(a.Database, own["dbname"])
	if a.User == own["user"] {
		a.Password = cmp.Or(a.Password, own["password"])
	}
	return nil
}

// credentials returns those that the App names for a database, be it in the spec or by a Secret.
func (c *Client) credentials(spec v1alpha1.DatabaseSpec) (map[string]string, error) {
	if spec.CredentialsSecretRef == nil {
		return spec.Credentials, nil
	}
	found, err := c.secrets.Credentials(spec.Name)
	if err != nil {
		return nil, fmt.Errorf("taking the credentials of database %q from Secret %q: %w", spec.Name, spec.CredentialsSecretRef.Name, err)
	}
	for _, key := range []string{"user", "password", "dbname"} {
		if found[key] == "" {
			return nil, fmt.Errorf("database %q has its credentials in Secret %q, which is missing or has no key %q",
				spec.Name, spec.CredentialsSecretRef.Name, key)
		}
	}
	return found, nil
}

func (a *address) check(databases []string) error {
	for _, required := range []struct{ name, value string }{
		{"user", a.User}, {"password", a.Password}, {"database", a.Database},
	} {
		if required.value != "" {
			continue
		}
		if a.target != a.Host {
			return fmt.Errorf("the %s for user %q on %s is missing: the App has only its own user's", required.name, a.User, a.Host)
		}
		known := "it has none"
		if len(databases) > 0 {
			known = "those are " + strings.Join(databases, ", ")
		}
		return fmt.Errorf("the %s is missing, and %s is no database of the App (%s)", required.name, a.Host, known)
	}
	return nil
}

func (a *address) config() (*pgx.ConnConfig, error) {
	dsn := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(a.User, a.Password),
		Host:   net.JoinHostPort(a.target, strconv.Itoa(a.Port)),
		Path:   a.Database,
		RawQuery: url.Values{
			"sslmode":          {a.SSLMode},
			"application_name": {"topas"},
		}.Encode(),
	}
	config, err := pgx.ParseConfig(dsn.String())
	if err != nil {
		// The error itself repeats the whole URL.
		return nil, fmt.Errorf("%s: the port, the sslmode %q or another setting is not valid", a, a.SSLMode)
	}
	// Nothing is prepared for the next time, see prepare.
	config.DefaultQueryExecMode = pgx.QueryExecModeDescribeExec
	return config, nil
}

func (a *address) String() string {
	reached := ""
	if a.target != a.Host {
		reached = " (" + net.JoinHostPort(a.target, strconv.Itoa(a.Port)) + ")"
	}
	return fmt.Sprintf("connect to database %q on %s%s as user %q", a.Database, a.Host, reached, a.User)
}
