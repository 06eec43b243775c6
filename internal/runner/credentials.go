/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// credentials are those of databases that have them in a Secret, as files: a folder a database, a file a key. They are
// read when they are asked for, so that a Secret which is made while the test runs counts.
type credentials struct{ dir string }

// Credentials returns what there is of a database, which is nothing if its Secret is missing.
func (c credentials) Credentials(database string) (map[string]string, error) {
	return readFolder(filepath.Join(c.dir, database))
}

// readFolder returns the content of the files of a folder that the kubelet keeps for a Secret, by key. It has none if
// there is no such folder.
func readFolder(folder string) (map[string]string, error) {
	files, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the keys: %w", err)
	}
	found := map[string]string{}
	for _, file := range files {
		if strings.HasPrefix(file.Name(), "..") {
			continue // what the kubelet itself keeps there; no key is named so
		}
		value, err := os.ReadFile(filepath.Join(folder, file.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading the key: %w", err)
		}
		found[file.Name()] = string(value)
	}
	return found, nil
}
