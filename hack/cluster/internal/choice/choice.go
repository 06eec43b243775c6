/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package choice decides which kind of cluster is worked with.
package choice

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Kinds of clusters.
const (
	Kind    = "kind"    // in Docker containers, by the tool of that name
	Local   = "local"   // straight on this machine
	Current = "current" // whatever the kubeconfig points to
)

// Variable is the environment variable that picks; unset means auto.
const Variable = "CLUSTER"

const auto = "auto"

// Lookup answers the questions that auto depends on.
type Lookup struct {
	KindOnPath   func() error
	DockerEngine func(context.Context) error
}

// Choose returns one of the kinds and the reason, for people. asked is the
// value of Variable.
func Choose(ctx context.Context, asked string, lookup Lookup) (kind, reason string, err error) {
	switch asked {
	case Kind, Local, Current:
		return asked, Variable + "=" + asked, nil
	case auto, "":
		kind, reason = chooseAutomatically(ctx, lookup)
		return kind, reason, nil
	default:
		return "", "", fmt.Errorf("%s=%q: allowed are auto, kind, local and current", Variable, asked)
	}
}

func chooseAutomatically(ctx context.Context, lookup Lookup) (kind, reason string) {
	if err := lookup.KindOnPath(); err != nil {
		return Local, "no kind on the PATH"
	}
	if err := lookup.DockerEngine(ctx); err != nil {
		return Local, fmt.Sprintf("kind is there, but no Docker engine answers (%v)", err)
	}
	return Kind, "kind and a Docker engine are there"
}

const engineTimeout = 10 * time.Second

// System looks at this machine.
func System() Lookup {
	return Lookup{
		KindOnPath: func() error {
			_, err := exec.LookPath("kind")
			return err
		},
		DockerEngine: func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, engineTimeout)
			defer cancel()
			out, err := exec.CommandContext(ctx, "docker", "info", "--format", "{{.ServerVersion}}").CombinedOutput()
			if err != nil {
				return fmt.Errorf("docker info: %w: %s", err, lastLine(string(out)))
			}
			return nil
		},
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
