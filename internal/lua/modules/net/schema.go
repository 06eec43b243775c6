/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	driver "github.com/topas-dev/topas/internal/driver/net"
)

// schema is what the options protoset and proto name: files of the test, which are read once. Nil stands for neither.
func (m *Module) schema(options grpcOptions) (*driver.Schema, error) {
	protos, err := protoFiles(options.Proto)
	switch {
	case err != nil:
		return nil, err
	case options.Protoset != "" && protos != nil:
		return nil, errors.New(`options "protoset" and "proto" exclude each other`)
	case options.Protoset != "":
		return m.read("protoset", options.Protoset, func() (*driver.Schema, error) {
			content, err := m.file(options.Protoset)
			if err != nil {
				return nil, err
			}
			return driver.NewProtosetSchema(content)
		})
	case protos != nil:
		return m.read("proto", strings.Join(protos, ", "), func() (*driver.Schema, error) {
			return driver.NewProtoSchema(protos, m.opener(protos))
		})
	}
	return nil, nil
}

func (m *Module) read(option, names string, read func() (*driver.Schema, error)) (*driver.Schema, error) {
	key := option + " " + names
	if known, ok := m.schemas[key]; ok {
		return known, nil
	}
	made, err := read()
	if err != nil {
		return nil, fmt.Errorf("option %q: %w", option, err)
	}
	m.schemas[key] = made
	return made, nil
}

// protoFiles reads the option proto: a name or a list of names.
func protoFiles(option any) ([]string, error) {
	items, isList := option.([]any)
	if !isList && option != nil {
		items = []any{option}
	}
	var names []string
	for _, item := range items {
		name, ok := item.(string)
		if !ok {
			return nil, errors.New(`option "proto": want a file of the test, or a list of files`)
		}
		names = append(names, name)
	}
	return names, nil
}

// opener opens .proto files. What they import is looked for by its own name, then beside each of the files.
func (m *Module) opener(protos []string) func(name string) (io.ReadCloser, error) {
	return func(name string) (io.ReadCloser, error) {
		content, err := m.file(name)
		for i := 0; err != nil && i < len(protos); i++ {
			if beside, besideErr := m.file(path.Join(path.Dir(protos[i]), name)); besideErr == nil {
				content, err = beside, nil
			}
		}
		if err != nil {
			return nil, err
		}
		return io.NopCloser(bytes.NewReader(content)), nil
	}
}
