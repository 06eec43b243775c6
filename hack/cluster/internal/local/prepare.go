/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package local

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/topas-dev/topas/hack/cluster/internal/kubeconfig"
	"github.com/topas-dev/topas/hack/cluster/internal/node"
	"github.com/topas-dev/topas/hack/cluster/internal/pki"
	"github.com/topas-dev/topas/hack/cluster/internal/process"
)

const (
	nodeDevice      = node.Device
	certificateLife = 30 * 24 * time.Hour
	preferredPort   = 16443
	localhost       = "127.0.0.1"
)

// prepare writes and makes everything that processes will find in place. The
// record comes first, so that an interruption at any point is recognised.
func (c *Cluster) prepare(ctx context.Context, planned plan) (record, error) {
	if err := checkPaths(planned.layout.Socket()); err != nil {
		return record{}, err
	}
	boot, err := process.BootID()
	if err != nil {
		return record{}, err
	}
	made := record{
		State: c.paths.State, BootID: boot, Fingerprint: planned.fingerprint,
		Port: freePort(preferredPort), Expiry: time.Now().Add(certificateLife),
	}
	if err := made.write(); err != nil {
		return record{}, err
	}
	c.printer.Step("creating the network namespace %s", c.namespace.Name)
	if err := c.namespace.Create(ctx, node.Device, node.DeviceAddress); err != nil {
		return record{}, err
	}
	if err := c.group.Create(); err != nil {
		return record{}, err
	}
	c.printer.Step("writing certificates and configuration")
	if err := c.writeCredentials(planned.layout, made.Port); err != nil {
		return record{}, err
	}
	if err := c.writeFiles(planned); err != nil {
		return record{}, err
	}
	// With the namespace in it the record says that preparing came to its end.
	made.Namespace = c.namespace.Inode()
	return made, made.write()
}

// freePort returns the preferred port if nobody listens there, else any.
func freePort(preferred int) int {
	for _, port := range []int{preferred, 0} {
		listener, err := net.Listen("tcp", net.JoinHostPort(localhost, strconv.Itoa(port)))
		if err != nil {
			continue
		}
		defer func() { _ = listener.Close() }()
		return listener.Addr().(*net.TCPAddr).Port
	}
	return preferred
}

func (c *Cluster) writeCredentials(layout node.Layout, port int) error {
	authority, err := pki.NewAuthority("topas-cluster", time.Now(), certificateLife)
	if err != nil {
		return err
	}
	if err := writePair(layout, node.Authority, authority.Pair); err != nil {
		return err
	}
	private, public, err := pki.NewSigningKey()
	if err != nil {
		return err
	}
	if err := writePair(layout, node.ServiceAccounts, pki.Pair{Certificate: public, Key: private}); err != nil {
		return err
	}
	for name, identity := range node.Users() {
		pair, err := authority.Issue(identity)
		if err != nil {
			return err
		}
		if err := writePair(layout, name, pair); err != nil {
			return err
		}
		inside := kubeconfig.Render("https://"+node.APIServer, authority.Certificate, pair)
		if err := writeFile(layout.Kubeconfig(name), inside, 0o600); err != nil {
			return err
		}
		if name == node.Admin {
			if err := c.writeAdmin(authority.Certificate, pair, port); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeAdmin writes the kubeconfig for the host's side of the forwarder.
func (c *Cluster) writeAdmin(authority []byte, admin pki.Pair, port int) error {
	return writeFile(c.paths.Kubeconfig(), kubeconfig.Render(hostURL(port), authority, admin), 0o600)
}

func hostURL(port int) string {
	return "https://" + net.JoinHostPort(localhost, strconv.Itoa(port))
}

func writePair(layout node.Layout, name string, pair pki.Pair) error {
	if err := writeFile(layout.Cert(name), pair.Certificate, 0o644); err != nil {
		return err
	}
	return writeFile(layout.Key(name), pair.Key, 0o600)
}

func readPair(layout node.Layout, name string) (pki.Pair, error) {
	certificate, err := os.ReadFile(layout.Cert(name))
	if err != nil {
		return pki.Pair{}, fmt.Errorf("reading a certificate: %w", err)
	}
	key, err := os.ReadFile(layout.Key(name))
	if err != nil {
		return pki.Pair{}, fmt.Errorf("reading a key: %w", err)
	}
	return pki.Pair{Certificate: certificate, Key: key}, nil
}

func (c *Cluster) writeFiles(planned plan) error {
	for path, content := range planned.files {
		if err := writeFile(c.paths.In(path), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, content []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("creating a folder of the cluster: %w", err)
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		return fmt.Errorf("writing a file of the cluster: %w", err)
	}
	return nil
}
