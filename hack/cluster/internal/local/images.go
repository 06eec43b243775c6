/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package local

import (
	"context"
	"fmt"

	"github.com/topas-dev/topas/hack/cluster/internal/image"
	"github.com/topas-dev/topas/hack/cluster/internal/lock"
)

// Images lists what Pods can use without a registry.
func (c *Cluster) Images(ctx context.Context) ([]image.Image, error) {
	if err := c.containerd().Check(ctx); err != nil {
		return nil, fmt.Errorf("the cluster is not up: %w", err)
	}
	return c.containerd().Images(ctx)
}

// Load imports docker-archives.
func (c *Cluster) Load(ctx context.Context, archive string) error {
	held, err := c.lock(ctx, lock.Shared, "")
	if err != nil {
		return err
	}
	defer held.Release()
	return c.containerd().Import(ctx, archive)
}
