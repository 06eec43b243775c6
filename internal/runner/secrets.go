/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Secrets say which Secrets a script is given, and where their values are.
type Secrets struct {
	// Dir holds a folder for every Secret with a file for every key, see contract.SecretsDir.
	Dir string
	// Namespace is where they are looked for.
	Namespace string
	// Names are those of the Secrets. Each has to exist.
	Names []string
}

// secrets are the values of Secrets by name and key.
type secrets map[string]map[string]string

// loadSecrets reads all values, so that they are known before the script can print one.
func loadSecrets(s Secrets) (secrets, error) {
	loaded, missing := secrets{}, []string{}
	for _, name := range s.Names {
		values, err := readFolder(filepath.Join(s.Dir, name))
		if err != nil {
			return nil, fmt.Errorf("reading Secret %q: %w", name, err)
		}
		if len(values) == 0 {
			missing = append(missing, name)
		}
		loaded[name] = values
	}
	if len(missing) > 0 {
		return nil, &secretNotFoundError{names: missing, namespace: s.Namespace}
	}
	return loaded, nil
}

// secretNotFoundError says that Secrets of the test don't exist, or have no values.
type secretNotFoundError struct {
	names     []string
	namespace string
}

func (e *secretNotFoundError) Error() string {
	if len(e.names) == 1 {
		return fmt.Sprintf("Secret %q does not exist, or has no keys: create it in namespace %q", e.names[0], e.namespace)
	}
	return fmt.Sprintf("Secrets %q do not exist, or have no keys: create them in namespace %q", e.names, e.namespace)
}

// value returns the value of "name/key", or of "name" if that Secret has one key.
func (s secrets) value(name string) (string, error) {
	secret, key, named := strings.Cut(name, "/")
	values, ok := s[secret]
	if !ok {
		return "", fmt.Errorf("secret %q is not given to this test: %s", secret, s.known())
	}
	keys := slices.Sorted(maps.Keys(values))
	if !named && len(keys) > 1 {
		return "", fmt.Errorf("secret %q has the keys %s: name one of them, such as %q", secret, strings.Join(keys, ", "), secret+"/"+keys[0])
	}
	if !named {
		return values[keys[0]], nil
	}
	value, ok := values[key]
	if !ok {
		return "", fmt.Errorf("secret %q has no key %q: it has %s", secret, key, strings.Join(keys, ", "))
	}
	return value, nil
}

func (s secrets) known() string {
	known := slices.Sorted(maps.Keys(s))
	if len(known) == 0 {
		return "it has none, name it in spec.secrets of the TestRun"
	}
	return fmt.Sprintf("it has %s, name others in spec.secrets of the TestRun", strings.Join(known, ", "))
}

// all are the values, for a redactor.
func (s secrets) all() []string {
	var values []string
	for _, secret := range s {
		values = slices.AppendSeq(values, maps.Values(secret))
	}
	return values
}
