/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package debian installs the programs that come from Debian packages.
package debian

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/topas-dev/topas/hack/cluster/internal/progress"
)

// programs maps each package to what is needed of it.
var programs = map[string][]string{
	"containerd": {"containerd", "containerd-shim-runc-v2", "ctr"},
	"runc":       {"runc"},
	"iptables":   {"iptables", "iptables-save", "iptables-restore"},
	"conntrack":  {"conntrack"},
	"iproute2":   {"ip"},
	"socat":      {"socat"},
}

const pluginPackage = "containernetworking-plugins"

var (
	pluginFolders = []string{"/usr/lib/cni", "/opt/cni/bin"}
	plugins       = []string{"ptp", "host-local", "portmap", "loopback"}
)

const (
	updateAttempts = 5
	updatePause    = 5 * time.Second
	keptOutput     = 3000 // bytes of the end of a failed command's output
)

// Plugins returns the folder of the CNI plugins, "" when they are missing.
func Plugins() string {
	for _, folder := range pluginFolders {
		if !slices.ContainsFunc(plugins, func(name string) bool { return !isFile(filepath.Join(folder, name)) }) {
			return folder
		}
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// missing names the packages whose programs are not there.
func missing(has func(program string) bool, hasPlugins bool) []string {
	var packages []string
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		if slices.ContainsFunc(programs[name], func(program string) bool { return !has(program) }) {
			packages = append(packages, name)
		}
	}
	if !hasPlugins {
		packages = append(packages, pluginPackage)
	}
	return packages
}

func has(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// Ensure installs what is missing, and does nothing on a machine that has it
// all, Debian or not.
func Ensure(ctx context.Context, printer *progress.Printer) error {
	packages := missing(has, Plugins() != "")
	if len(packages) == 0 {
		return nil
	}
	if !has("apt-get") {
		return fmt.Errorf("missing programs of the packages %s, and there is no apt-get to install them with: "+
			"install them in this system's own way", strings.Join(packages, ", "))
	}
	printer.Step("installing Debian packages: %s", strings.Join(packages, ", "))
	if err := update(ctx); err != nil {
		return err
	}
	// Waits for another apt-get instead of failing.
	install := []string{"-o", "DPkg::Lock::Timeout=300", "install", "--yes", "--no-install-recommends"}
	if err := aptGet(ctx, append(install, packages...)...); err != nil {
		return err
	}
	if left := missing(has, Plugins() != ""); len(left) > 0 {
		return fmt.Errorf("packages are installed, but programs of %s are still missing", strings.Join(left, ", "))
	}
	return nil
}

// apt-get update cannot wait for its lock, hence the attempts.
func update(ctx context.Context) error {
	var err error
	for range updateAttempts {
		if err = aptGet(ctx, "update"); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(updatePause):
		}
	}
	return err
}

func aptGet(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, "apt-get", args...)
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	out, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, out[max(0, len(out)-keptOutput):])
	}
	return nil
}
