/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/topas-dev/topas/hack/cluster/internal/image"
	"github.com/topas-dev/topas/hack/cluster/internal/kubeapi"
	"github.com/topas-dev/topas/hack/cluster/internal/node"
	"github.com/topas-dev/topas/hack/cluster/internal/process"
)

// The daemons get nothing of our environment: a proxy in it, for one, would
// cut the components off from each other.
var daemonEnv = []string{
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
}

// start starts whatever does not run, and waits until everything works. On a
// healthy cluster it only looks.
func (c *Cluster) start(ctx context.Context, planned plan, made record) error {
	if err := c.forgetDead(); err != nil {
		return err
	}
	if err := c.startComponents(planned, node.Etcd, node.APIServerName, node.Containerd); err != nil {
		return err
	}
	made, err := c.startForwarder(planned.layout, made)
	if err != nil {
		return err
	}
	api, err := c.api(planned.layout, made.Port)
	if err != nil {
		return err
	}
	if err := c.wait(ctx,
		c.etcdHealthy(),
		condition{"containerd", node.Containerd, c.containerd().Check},
		condition{"the API server", node.APIServerName, api.Ready},
	); err != nil {
		return err
	}
	if err := c.loadPauseImage(ctx, planned); err != nil {
		return err
	}
	if err := grantCoreDNS(ctx, api); err != nil {
		return err
	}
	if err := c.startComponents(planned, node.ControllerManager, node.Scheduler, node.Kubelet, node.Proxy, node.CoreDNS); err != nil {
		return err
	}
	return c.wait(ctx, c.conditions(api)...)
}

// forgetDead removes the records of daemons that ended before we came, so that
// from here on a record without a process means that one has died on us.
func (c *Cluster) forgetDead() error {
	for _, name := range allNames() {
		if _, running := c.daemons.Find(name); running {
			continue
		}
		if err := c.daemons.Stop(name, 0); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) startComponents(planned plan, names ...string) error {
	for _, component := range planned.components {
		if !slices.Contains(names, component.Name) {
			continue
		}
		if _, running := c.daemons.Find(component.Name); running {
			continue
		}
		c.printer.Step("starting %s", component.Name)
		command := process.Command{Name: component.Name, Path: component.Path, Args: component.Args, Env: daemonEnv}
		if err := c.daemons.Start(command, c.namespace.Do); err != nil {
			return err
		}
	}
	return nil
}

// startForwarder opens the port out here and hands it to a process inside. If
// someone took the port while no forwarder ran, it changes, and the kubeconfig with it.
func (c *Cluster) startForwarder(layout node.Layout, made record) (record, error) {
	if _, running := c.daemons.Find(forwarder); running {
		return made, nil
	}
	listener, err := c.listen(&made)
	if err != nil {
		return made, err
	}
	defer func() { _ = listener.Close() }()
	socket, err := listener.File()
	if err != nil {
		return made, fmt.Errorf("handing over the port of the API server: %w", err)
	}
	defer func() { _ = socket.Close() }()
	if err := made.write(); err != nil {
		return made, err
	}
	authority, err := os.ReadFile(layout.Cert(node.Authority))
	if err != nil {
		return made, fmt.Errorf("reading a certificate: %w", err)
	}
	admin, err := readPair(layout, node.Admin)
	if err != nil {
		return made, err
	}
	if err := c.writeAdmin(authority, admin, made.Port); err != nil {
		return made, err
	}
	self, err := os.Executable()
	if err != nil {
		return made, fmt.Errorf("finding our own program: %w", err)
	}
	c.printer.Step("forwarding %s to the API server", listener.Addr())
	return made, c.daemons.Start(process.Command{
		Name: forwarder, Path: self, Args: []string{"forward", node.APIServer}, Env: daemonEnv, Files: []*os.File{socket},
	}, c.namespace.Do)
}

func (c *Cluster) listen(made *record) (*net.TCPListener, error) {
	var failures []error
	for _, port := range []int{made.Port, 0} {
		listener, err := net.Listen("tcp", net.JoinHostPort(localhost, strconv.Itoa(port)))
		if err != nil {
			failures = append(failures, err)
			continue
		}
		tcp := listener.(*net.TCPListener)
		made.Port = tcp.Addr().(*net.TCPAddr).Port
		return tcp, nil
	}
	return nil, fmt.Errorf("opening a port for the API server: %w", errors.Join(failures...))
}

func (c *Cluster) api(layout node.Layout, port int) (*kubeapi.Client, error) {
	authority, err := os.ReadFile(layout.Cert(node.Authority))
	if err != nil {
		return nil, fmt.Errorf("reading a certificate: %w", err)
	}
	admin, err := readPair(layout, node.Admin)
	if err != nil {
		return nil, err
	}
	return kubeapi.New(hostURL(port), authority, admin)
}

func (c *Cluster) loadPauseImage(ctx context.Context, planned plan) error {
	images, err := c.containerd().Images(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(images, func(i image.Image) bool { return i.Name == planned.layout.PauseImage }) {
		return nil
	}
	path := c.paths.In("pause.tar")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("writing the pause image: %w", err)
	}
	archive, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("writing the pause image: %w", err)
	}
	defer func() { _ = os.Remove(path) }()
	if err := errors.Join(image.WritePause(archive, planned.pause), archive.Close()); err != nil {
		return err
	}
	return c.containerd().Import(ctx, path)
}

// grantCoreDNS lets CoreDNS read what names are made of. Kubernetes has no
// role for it by default.
func grantCoreDNS(ctx context.Context, api *kubeapi.Client) error {
	const group, version, name = "rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1", node.CoreDNSUser
	read := []string{"list", "watch"}
	role := map[string]any{
		"apiVersion": version, "kind": "ClusterRole", "metadata": map[string]any{"name": name},
		"rules": []map[string]any{
			{"apiGroups": []string{""}, "resources": []string{"services", "pods", "namespaces"}, "verbs": read},
			{"apiGroups": []string{"discovery.k8s.io"}, "resources": []string{"endpointslices"}, "verbs": read},
		},
	}
	binding := map[string]any{
		"apiVersion": version, "kind": "ClusterRoleBinding", "metadata": map[string]any{"name": name},
		"roleRef":  map[string]any{"apiGroup": group, "kind": "ClusterRole", "name": name},
		"subjects": []map[string]any{{"apiGroup": group, "kind": "User", "name": node.CoreDNSUser}},
	}
	if err := api.Apply(ctx, "/apis/"+version+"/clusterroles/"+name, role); err != nil {
		return fmt.Errorf("granting CoreDNS its role: %w", err)
	}
	if err := api.Apply(ctx, "/apis/"+version+"/clusterrolebindings/"+name, binding); err != nil {
		return fmt.Errorf("granting CoreDNS its role: %w", err)
	}
	return nil
}
