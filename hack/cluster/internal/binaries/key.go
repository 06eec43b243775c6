/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package binaries

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

const keyLength = 16 // hex digits; plenty against accidents

// Key names one build: it changes with whatever goes into the binaries, which
// is the required modules, our own sources, and the toolchain with its flags.
func Key(source, toolchain string) (string, error) {
	files := []string{filepath.Join(source, "go.mod"), filepath.Join(source, "go.sum")}
	for _, pattern := range []string{"cmd/kube-all/*.go", "cmd/pause/*.go"} {
		found, err := filepath.Glob(filepath.Join(source, pattern))
		if err != nil {
			return "", fmt.Errorf("listing sources: %w", err)
		}
		files = append(files, found...)
	}
	slices.Sort(files)

	hash := sha256.New()
	_, _ = fmt.Fprintf(hash, "%s\n%s\n", toolchain, linkFlags())
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("reading sources: %w", err)
		}
		name, err := filepath.Rel(source, file)
		if err != nil {
			return "", fmt.Errorf("reading sources: %w", err)
		}
		_, _ = fmt.Fprintf(hash, "%s %d\n", filepath.ToSlash(name), len(content))
		_, _ = hash.Write(content)
	}
	return hex.EncodeToString(hash.Sum(nil))[:keyLength], nil
}
