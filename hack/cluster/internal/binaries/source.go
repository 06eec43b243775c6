/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package binaries

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// DefaultSource is where a checkout keeps this module.
const DefaultSource = "./hack/cluster"

var moduleLine = regexp.MustCompile(`(?m)^module\s+github\.com/topas-dev/topas/hack/cluster\s*$`)

// FindSource returns the absolute path of the folder of this module: the one
// that was asked for, or else the default place, or the current folder.
func FindSource(asked string) (string, error) {
	candidates := []string{asked}
	if asked == "" {
		candidates = []string{DefaultSource, "."}
	}
	for _, candidate := range candidates {
		text, err := os.ReadFile(filepath.Join(candidate, "go.mod"))
		if err == nil && moduleLine.Match(text) {
			return filepath.Abs(candidate)
		}
	}
	return "", fmt.Errorf("no source of the cluster's binaries in %v: run in the root of a checkout, "+
		"or name the folder hack/cluster with --source", candidates)
}
