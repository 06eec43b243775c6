/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apiversion "k8s.io/apimachinery/pkg/version"
	"sigs.k8s.io/yaml"

	"github.com/topas-dev/topas/api/v1alpha1"
)

const (
	// managerPath is where the manager lies that make deploy makes.
	managerPath = "/apis/apps/v1/namespaces/topas-system/deployments/topas-controller-manager"
	// managerContainer is the one of its containers that has its version.
	managerContainer = "manager"
)

// versionOptions are the flags of kctrl version.
type versionOptions struct {
	factory    *Factory
	output     string
	clientOnly bool
	version    versionInfo
}

type versionInfo struct {
	Client buildInfo   `json:"client"`
	Server *serverInfo `json:"server,omitempty"`
}

type buildInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

type serverInfo struct {
	Kubernetes string `json:"kubernetes"`
	// API is the version of the kinds that the cluster knows; empty without TOPAS.
	API string `json:"api,omitempty"`
	// Manager is the image of the manager; empty if it is not there, or not to be seen.
	Manager string `json:"manager,omitempty"`
}

func newVersion(f *Factory, version string, runF func(context.Context, *versionOptions) error) *cobra.Command {
	o := &versionOptions{factory: f, version: versionInfo{Client: buildOf(version)}}
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the versions of kctrl and of TOPAS in the cluster",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.output != "" && o.output != "json" && o.output != "yaml" {
				return usage(cmd, "--output is %q, must be json or yaml", o.output)
			}
			if runF != nil {
				return runF(cmd.Context(), o)
			}
			return o.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&o.clientOnly, "client", false, "Show the version of kctrl alone, without asking the cluster.")
	cmd.Flags().StringVarP(&o.output, "output", "o", "", "Output format. One of: (json, yaml).")
	return cmd
}

func buildOf(version string) buildInfo {
	build := buildInfo{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build
	}
	if build.Version == "" {
		build.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			build.Commit = setting.Value
		}
	}
	return build
}

// run shows what is known of kctrl also when the cluster does not answer.
func (o *versionOptions) run(ctx context.Context) error {
	var failed error
	if !o.clientOnly {
		o.version.Server, failed = o.factory.serverVersion(ctx)
	}
	if err := o.print(); err != nil {
		return fmt.Errorf("printing the version: %w", err)
	}
	return failed
}

func (f *Factory) serverVersion(ctx context.Context) (*serverInfo, error) {
	c, err := f.Clients()
	if err != nil {
		return nil, err
	}
	var kubernetes apiversion.Info
	if err := c.getRaw(ctx, "/version", &kubernetes); err != nil {
		return nil, err
	}
	server := &serverInfo{Kubernetes: kubernetes.GitVersion}
	err = c.getRaw(ctx, "/apis/"+v1alpha1.GroupVersion.String(), &struct{}{})
	if apierrors.IsNotFound(err) {
		return server, nil
	}
	if err != nil {
		return nil, err
	}
	server.API = v1alpha1.GroupVersion.String()
	var manager appsv1.Deployment
	if err := c.getRaw(ctx, managerPath, &manager); err != nil {
		// Not everybody may see it, and it may have another name.
		return server, nil //nolint:nilerr // the rest is shown without it
	}
	for _, container := range manager.Spec.Template.Spec.Containers {
		if container.Name == managerContainer {
			server.Manager = container.Image
		}
	}
	return server, nil
}

// getRaw reads what the API server has at a path.
func (c *Clients) getRaw(ctx context.Context, path string, into any) error {
	data, err := c.Core.RESTClient().Get().AbsPath(path).SetHeader("Accept", "application/json").Do(ctx).Raw()
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return nil
}

func (o *versionOptions) print() error {
	switch o.output {
	case "json":
		encoder := json.NewEncoder(o.factory.Out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(o.version)
	case "yaml":
		data, err := yaml.Marshal(o.version)
		if err != nil {
			return err
		}
		_, err = o.factory.Out.Write(data)
		return err
	}
	build := o.version.Client
	text := fmt.Sprintf("kctrl       %s (%s, %s)\n", build.Version, build.Go, build.Platform)
	if server := o.version.Server; server != nil {
		text += fmt.Sprintf("Kubernetes  %s\nTOPAS       %s\n", server.Kubernetes, server.topas())
	}
	_, err := fmt.Fprint(o.factory.Out, text)
	return err
}

func (s *serverInfo) topas() string {
	switch {
	case s.API == "":
		return "not installed"
	case s.Manager == "":
		return s.API
	}
	return fmt.Sprintf("%s (%s)", s.API, s.Manager)
}
