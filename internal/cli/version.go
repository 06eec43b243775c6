/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// versionOptions are the flags of kctrl version.
type versionOptions struct {
	factory *Factory
	output  string
	build   buildInfo
}

type buildInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion(f *Factory, version string, runF func(*versionOptions) error) *cobra.Command {
	o := &versionOptions{factory: f, build: buildOf(version)}
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version of kctrl",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.output != "" && o.output != "json" && o.output != "yaml" {
				return usage(cmd, "--output is %q, must be json or yaml", o.output)
			}
			if runF != nil {
				return runF(o)
			}
			return o.run()
		},
	}
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

func (o *versionOptions) run() error {
	switch o.output {
	case "json":
		encoder := json.NewEncoder(o.factory.Out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(o.build)
	case "yaml":
		data, err := yaml.Marshal(o.build)
		if err != nil {
			return fmt.Errorf("encoding the version: %w", err)
		}
		_, err = o.factory.Out.Write(data)
		return err
	}
	_, err := fmt.Fprintf(o.factory.Out, "kctrl %s (%s, %s)\n", o.build.Version, o.build.Go, o.build.Platform)
	return err
}
