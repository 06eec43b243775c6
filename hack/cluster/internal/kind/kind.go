/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package kind works with a cluster in Docker containers, made by kind.
package kind

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/topas-dev/topas/hack/cluster/internal/image"
	"github.com/topas-dev/topas/hack/cluster/internal/progress"
)

const (
	name      = "topas"
	container = name + "-control-plane"
)

// Cluster is the cluster "topas" of kind, whether it exists or not.
type Cluster struct {
	kubeconfig string
	printer    *progress.Printer
	run        func(ctx context.Context, program string, args ...string) ([]byte, error)
}

// New returns the cluster. kubeconfig is a file of our own, so that the user's
// file and its current context stay as they are.
func New(kubeconfig string, printer *progress.Printer) *Cluster {
	return &Cluster{kubeconfig: kubeconfig, printer: printer, run: execute}
}

// Kubeconfig is the file for clients on this machine.
func (c *Cluster) Kubeconfig() (string, error) { return c.kubeconfig, nil }

// Up creates the cluster, or writes the kubeconfig of the one that is there.
func (c *Cluster) Up(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(c.kubeconfig), 0o755); err != nil {
		return fmt.Errorf("creating the folder of the kubeconfig: %w", err)
	}
	exists, err := c.exists(ctx)
	if err != nil {
		return err
	}
	if !exists {
		c.printer.Step("creating the kind cluster %s", name)
		_, err := c.run(ctx, "kind", "create", "cluster", "--name", name, "--kubeconfig", c.kubeconfig, "--wait", "3m")
		return err
	}
	// Its container may have been stopped, for one by a restart of the machine.
	if _, err := c.run(ctx, "docker", "start", container); err != nil {
		return err
	}
	c.printer.Step("the kind cluster %s is there, writing its kubeconfig", name)
	if _, err := c.run(ctx, "kind", "export", "kubeconfig", "--name", name, "--kubeconfig", c.kubeconfig); err != nil {
		return err
	}
	_, err = c.kubectl(ctx, "wait", "--for=condition=Ready", "nodes", "--all", "--timeout=3m")
	return err
}

// Down deletes the cluster.
func (c *Cluster) Down(ctx context.Context) error {
	c.printer.Step("deleting the kind cluster %s", name)
	if _, err := c.run(ctx, "kind", "delete", "cluster", "--name", name, "--kubeconfig", c.kubeconfig); err != nil {
		return err
	}
	if err := os.RemoveAll(c.kubeconfig); err != nil {
		return fmt.Errorf("removing the kubeconfig: %w", err)
	}
	return nil
}

// Status writes the nodes, and fails unless all of them are ready.
func (c *Cluster) Status(ctx context.Context, out io.Writer) error {
	exists, err := c.exists(ctx)
	if err != nil {
		return err
	}
	if !exists {
		return fmt.Errorf("there is no kind cluster %s", name)
	}
	nodes, err := c.kubectl(ctx, "get", "nodes", "--output=wide")
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%skubeconfig %s\n", nodes, c.kubeconfig)
	_, err = c.kubectl(ctx, "wait", "--for=condition=Ready", "nodes", "--all", "--timeout=1s")
	return err
}

// Load imports a docker-archive.
func (c *Cluster) Load(ctx context.Context, archive string) error {
	_, err := c.run(ctx, "kind", "load", "image-archive", archive, "--name", name)
	return err
}

// Images lists what Pods can use without a registry.
func (c *Cluster) Images(ctx context.Context) ([]image.Image, error) {
	text, err := c.run(ctx, "docker", "exec", container, "crictl", "images", "--output=json")
	if err != nil {
		return nil, err
	}
	return parseImages(text)
}

func parseImages(text []byte) ([]image.Image, error) {
	var list struct {
		Images []struct {
			ID       string
			RepoTags []string
		}
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("parsing the list of images: %w", err)
	}
	var images []image.Image
	for _, entry := range list.Images {
		for _, tag := range entry.RepoTags {
			images = append(images, image.Image{Name: tag, ID: entry.ID})
		}
	}
	slices.SortFunc(images, func(a, b image.Image) int { return strings.Compare(a.Name, b.Name) })
	return images, nil
}

func (c *Cluster) exists(ctx context.Context) (bool, error) {
	out, err := c.run(ctx, "kind", "get", "clusters")
	if err != nil {
		return false, err
	}
	return slices.Contains(strings.Fields(string(out)), name), nil
}

// kubectl is the one in the node's container: the host may have none.
func (c *Cluster) kubectl(ctx context.Context, args ...string) ([]byte, error) {
	inside := []string{"exec", container, "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf"}
	return c.run(ctx, "docker", append(inside, args...)...)
}

// execute returns what a program writes to stdout. kind and docker tell their
// progress on stderr, which is passed on.
func execute(ctx context.Context, program string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, program, args...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	return out, nil
}
