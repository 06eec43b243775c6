/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package containerd talks to a containerd of our own through its client ctr.
package containerd

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"

	"github.com/topas-dev/topas/hack/cluster/internal/image"
)

// kubernetes is the containerd namespace that the kubelet sees.
const kubernetes = "k8s.io"

// Client talks to the containerd at a socket.
type Client struct {
	Socket string
}

// Check tells whether containerd answers.
func (c Client) Check(ctx context.Context) error {
	_, err := c.ctr(ctx, "version")
	return err
}

// Import loads a docker-archive.
func (c Client) Import(ctx context.Context, archive string) error {
	_, err := c.ctr(ctx, "images", "import", archive)
	return err
}

// Images lists all images that have a name, sorted by name.
func (c Client) Images(ctx context.Context) ([]image.Image, error) {
	table, err := c.ctr(ctx, "images", "list")
	if err != nil {
		return nil, err
	}
	var images []image.Image
	for _, entry := range parseTable(string(table)) {
		id, err := c.configDigest(ctx, entry.digest)
		if err != nil {
			return nil, fmt.Errorf("reading the image %s: %w", entry.name, err)
		}
		images = append(images, image.Image{Name: entry.name, ID: id})
	}
	return images, nil
}

type entry struct{ name, digest string }

// parseTable reads "REF TYPE DIGEST SIZE ..." lines. The CRI plugin stores each
// image under its digests too; those are not names that people use.
func parseTable(table string) []entry {
	var entries []entry
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 3 || fields[0] == "REF" {
			continue
		}
		if strings.HasPrefix(fields[0], "sha256:") || strings.Contains(fields[0], "@") {
			continue
		}
		entries = append(entries, entry{name: fields[0], digest: fields[2]})
	}
	return entries
}

func (c Client) configDigest(ctx context.Context, manifestDigest string) (string, error) {
	text, err := c.ctr(ctx, "content", "get", manifestDigest)
	if err != nil {
		return "", err
	}
	var manifest struct {
		Config struct{ Digest string }
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return "", fmt.Errorf("parsing the manifest %s: %w", manifestDigest, err)
	}
	return manifest.Config.Digest, nil
}

func (c Client) ctr(ctx context.Context, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "ctr", append([]string{"--address", c.Socket, "--namespace", kubernetes}, args...)...)
	var complaint strings.Builder
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("ctr %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(complaint.String()))
	}
	return out, nil
}
