/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package current works with whatever cluster the user's kubeconfig points to.
// It is somebody else's: nothing is made, deleted or loaded.
package current

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/topas-dev/topas/hack/cluster/internal/image"
	"github.com/topas-dev/topas/hack/cluster/internal/progress"
)

// ErrNoLoad is what one gets for trying to load an image.
var ErrNoLoad = errors.New("images cannot be loaded into the current cluster: " +
	"push them to a registry that the cluster can pull from, and name them accordingly")

// Cluster is the cluster of the current context.
type Cluster struct {
	printer *progress.Printer
	getenv  func(string) string
}

// New returns the cluster that kubectl would talk to.
func New(getenv func(string) string, printer *progress.Printer) *Cluster {
	return &Cluster{printer: printer, getenv: getenv}
}

// Kubeconfig is $KUBECONFIG, or the file in the home folder.
func (c *Cluster) Kubeconfig() (string, error) {
	if set := c.getenv("KUBECONFIG"); set != "" {
		return set, nil
	}
	home := c.getenv("HOME")
	if home == "" {
		return "", errors.New("neither KUBECONFIG nor HOME is set")
	}
	return filepath.Join(home, ".kube", "config"), nil
}

// Up only checks that the API server answers.
func (c *Cluster) Up(ctx context.Context) error {
	if _, err := c.kubectl(ctx, "get", "--raw=/readyz"); err != nil {
		return fmt.Errorf("the current cluster does not answer: %w", err)
	}
	c.printer.Step("the current cluster answers")
	return nil
}

// Down does nothing.
func (c *Cluster) Down(context.Context) error {
	c.printer.Step("the current cluster is not ours to take down, it stays as it is")
	return nil
}

// Status writes the nodes, and fails unless the API server answers.
func (c *Cluster) Status(ctx context.Context, out io.Writer) error {
	if err := c.Up(ctx); err != nil {
		return err
	}
	nodes, err := c.kubectl(ctx, "get", "nodes", "--output=wide")
	if err != nil {
		return err
	}
	path, err := c.Kubeconfig()
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%skubeconfig %s\n", nodes, path)
	return nil
}

// Load is refused.
func (c *Cluster) Load(context.Context, string) error { return ErrNoLoad }

// Images are those of a registry that we do not know.
func (c *Cluster) Images(context.Context) ([]image.Image, error) { return nil, ErrNoLoad }

func (c *Cluster) kubectl(ctx context.Context, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "kubectl", append([]string{"--request-timeout=10s"}, args...)...)
	var complaint strings.Builder
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complaint.String()))
	}
	return out, nil
}
