/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package local

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/topas-dev/topas/hack/cluster/internal/node"
)

// Status writes what runs, and fails unless the cluster is healthy.
func (c *Cluster) Status(ctx context.Context, out io.Writer) error {
	found := readRecord()
	if found == nil || found.State != c.paths.State {
		if found != nil {
			return fmt.Errorf("the cluster of this machine belongs to another state folder, %s", found.State)
		}
		return errors.New("there is no cluster")
	}
	var failures []error
	for _, name := range allNames() {
		state := "stopped"
		if identity, running := c.daemons.Find(name); running {
			state = fmt.Sprintf("running, pid %d", identity.PID)
		} else {
			failures = append(failures, fmt.Errorf("%s does not run", name))
		}
		_, _ = fmt.Fprintf(out, "%-24s %s\n", name, state)
	}
	if len(failures) > 0 {
		return errors.Join(failures...)
	}
	api, err := c.api(node.Layout{State: c.paths.State}, found.Port)
	if err != nil {
		return err
	}
	for _, needed := range c.conditions(api) {
		if err := c.check(ctx, needed); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", needed.what, err))
		}
	}
	version, err := api.NodeReady(ctx, node.Name)
	state := "Ready, " + version
	if err != nil {
		state = "not ready"
	}
	_, _ = fmt.Fprintf(out, "%-24s %s\n", "node "+node.Name, state)
	_, _ = fmt.Fprintf(out, "%-24s %s\n", "API server", hostURL(found.Port))
	_, _ = fmt.Fprintf(out, "%-24s %s\n", "kubeconfig", c.paths.Kubeconfig())
	_, _ = fmt.Fprintf(out, "%-24s %s\n", "logs", c.daemons.Logs)
	return errors.Join(failures...)
}
