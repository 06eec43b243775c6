/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/topas-dev/topas/hack/cluster/internal/binaries"
	"github.com/topas-dev/topas/hack/cluster/internal/forward"
)

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "cluster",
		Short: "A Kubernetes cluster for development and tests",
		Long: `A Kubernetes cluster for development and tests.

The environment variable CLUSTER picks which one:
  auto     kind where kind and a Docker engine are there, else local (default)
  kind     in Docker containers
  local    one node straight on this machine; needs root
  current  the cluster of the current kubeconfig, which is left as it is

What is being done is told on stderr, answers are on stdout.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&a.source, "source", a.getenv("TOPAS_CLUSTER_SOURCE"),
		"folder hack/cluster of the checkout to build Kubernetes from (default: $TOPAS_CLUSTER_SOURCE, then "+binaries.DefaultSource+")")
	root.AddCommand(
		newProviderCommand(a, "up", "Bring the cluster into working order, whatever state it is in", up),
		newProviderCommand(a, "down", "Remove the cluster with everything that belongs to it", down),
		newProviderCommand(a, "status", "Show what runs; succeeds only if the cluster is healthy", a.status),
		newProviderCommand(a, "images", "List the loaded images: name and id, the digest of the configuration", a.images),
		newProviderCommand(a, "kubeconfig", "Print the path of the kubeconfig", a.kubeconfig),
		newLoadCommand(a),
		newWhichCommand(a),
		newAssetsCommand(a),
		newForwardCommand(),
	)
	return root
}

func newProviderCommand(a *app, name, short string, do func(context.Context, provider) error) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			p, err := a.provider(command.Context())
			if err != nil {
				return err
			}
			return do(command.Context(), p)
		},
	}
}

func up(ctx context.Context, p provider) error { return p.Up(ctx) }

func down(ctx context.Context, p provider) error { return p.Down(ctx) }

func (a *app) status(ctx context.Context, p provider) error { return p.Status(ctx, a.out) }

func (a *app) images(ctx context.Context, p provider) error {
	images, err := p.Images(ctx)
	if err != nil {
		return err
	}
	for _, i := range images {
		_, _ = fmt.Fprintf(a.out, "%s %s\n", i.Name, i.ID)
	}
	return nil
}

func (a *app) kubeconfig(_ context.Context, p provider) error {
	path, err := p.Kubeconfig()
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(a.out, path)
	return nil
}

func newWhichCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "which", Short: "Print which cluster is chosen, and on stderr why", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			chosen, err := a.choose(command.Context())
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintln(a.out, chosen)
			return nil
		},
	}
}

func newAssetsCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "assets", Short: "Build etcd, kube-apiserver and kubectl if need be, and print the folder for KUBEBUILDER_ASSETS",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			set, err := a.binaries(command.Context())
			if err != nil {
				return err
			}
			_, _ = fmt.Fprintln(a.out, set.Dir)
			return nil
		},
	}
}

// newForwardCommand is for the local cluster's own use: it starts itself in
// the node's network namespace, with a listener of the host as descriptor 3.
func newForwardCommand() *cobra.Command {
	const inherited = 3
	return &cobra.Command{
		Use: "forward ADDRESS", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			listener, err := net.FileListener(os.NewFile(inherited, "listener"))
			if err != nil {
				return fmt.Errorf("taking over the listener: %w", err)
			}
			return forward.Serve(listener, args[0])
		},
	}
}
