/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/topas-dev/topas/hack/cluster/internal/kubeapi"
	"github.com/topas-dev/topas/hack/cluster/internal/node"
)

const (
	pollInterval = 150 * time.Millisecond
	checkTimeout = 3 * time.Second
	shownLines   = 30
)

// condition is something that must hold, and the component to blame if not.
type condition struct {
	what      string
	component string
	check     func(context.Context) error
}

// conditions say, together, that Pods can be run, find each other by name, and
// can be reached by kubectl.
func (c *Cluster) conditions(api *kubeapi.Client) []condition {
	return []condition{
		c.etcdHealthy(),
		{"the API server", node.APIServerName, api.Ready},
		{"containerd", node.Containerd, c.containerd().Check},
		{"the kubelet", node.Kubelet, c.answers("127.0.0.1:10248/healthz")},
		{"kube-proxy", node.Proxy, c.answers("127.0.0.1:10256/healthz")},
		{"the node " + node.Name, node.Kubelet, func(ctx context.Context) error {
			_, err := api.NodeReady(ctx, node.Name)
			return err
		}},
		{"the kubelet's Pods", node.Kubelet, func(ctx context.Context) error {
			return api.KubeletKnowsPods(ctx, node.Name)
		}},
		{"the default service account", node.ControllerManager, func(ctx context.Context) error {
			return api.Exists(ctx, "/api/v1/namespaces/default/serviceaccounts/default")
		}},
		{"name resolution", node.CoreDNS, c.resolves},
	}
}

// wait returns once all conditions hold. It fails early when a component dies,
// since waiting for the others would then be in vain.
func (c *Cluster) wait(ctx context.Context, conditions ...condition) error {
	for _, awaited := range conditions {
		told := false
		for {
			err := c.check(ctx, awaited)
			if err == nil {
				break
			}
			if name := c.died(); name != "" {
				return c.blame(name, fmt.Errorf("%s ended while waiting for %s", name, awaited.what))
			}
			if !told {
				c.printer.Step("waiting for %s", awaited.what)
				told = true
			}
			select {
			case <-ctx.Done():
				return c.blame(awaited.component, fmt.Errorf("waiting for %s: %w, last seen: %w", awaited.what, ctx.Err(), err))
			case <-time.After(pollInterval):
			}
		}
	}
	return nil
}

func (c *Cluster) check(ctx context.Context, awaited condition) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return awaited.check(ctx)
}

// died names a daemon that has a record but no process.
func (c *Cluster) died() string {
	entries, err := os.ReadDir(c.daemons.Records)
	if err != nil {
		return ""
	}
	started := map[string]bool{}
	for _, entry := range entries {
		started[entry.Name()] = true
	}
	for _, name := range allNames() {
		if !started[name+".json"] {
			continue
		}
		if _, running := c.daemons.Find(name); !running {
			return name
		}
	}
	return ""
}

// allNames lists the daemons; if several died, the first is likely the cause.
func allNames() []string {
	return []string{
		node.Etcd, node.APIServerName, node.Containerd, forwarder,
		node.ControllerManager, node.Scheduler, node.Kubelet, node.Proxy, node.CoreDNS,
	}
}

// blame adds the end of the component's log to an error.
func (c *Cluster) blame(component string, cause error) error {
	path := c.daemons.Log(component)
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%w (no log: %w)", cause, err)
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	tail := slices.Clone(lines[max(0, len(lines)-shownLines):])
	return fmt.Errorf("%w\nthe end of %s:\n%s", cause, path, bytes.Join(tail, []byte("\n")))
}

func (c *Cluster) etcdHealthy() condition {
	return condition{"etcd", node.Etcd, c.answers(node.EtcdHealth)}
}

// answers asks an HTTP health check inside the namespace.
func (c *Cluster) answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		transport := &http.Transport{DialContext: c.namespace.DialContext, DisableKeepAlives: true}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+url, nil)
		if err != nil {
			return err
		}
		response, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s answers %s", request.URL, response.Status)
		}
		return nil
	}
}

// resolves asks for the one Service that every cluster has.
func (c *Cluster) resolves(ctx context.Context) error {
	const name = "kubernetes.default.svc." + node.ClusterDomain
	resolver := &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return c.namespace.DialContext(ctx, network, node.DNS)
		},
	}
	// The final dot keeps the host's search list out.
	addresses, err := resolver.LookupHost(ctx, name+".")
	if failure, ok := errors.AsType[*net.DNSError](err); ok {
		// The whole error names the host's resolver, which was not asked.
		return fmt.Errorf("looking up %s at %s: %s", name, node.DNS, failure.Err)
	}
	if err != nil {
		return fmt.Errorf("looking up %s: %w", name, err)
	}
	if !slices.Contains(addresses, node.KubernetesService) {
		return fmt.Errorf("looking up %s: got %v, want %s", name, addresses, node.KubernetesService)
	}
	return nil
}
