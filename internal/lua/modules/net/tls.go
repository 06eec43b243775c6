/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	lua "github.com/yuin/gopher-lua"

	driver "github.com/topas-dev/topas/internal/driver/net"
	"github.com/topas-dev/topas/internal/lua/convert"
)

// tlsOptions are the option tls, of requests and calls. What has to be PEM is the text itself or a file of the test.
type tlsOptions struct {
	Insecure   bool   `lua:"insecure"`
	CA         string `lua:"ca"`
	Cert       string `lua:"cert"`
	Key        string `lua:"key"`
	ServerName string `lua:"server_name"`
}

func (m *Module) tls(options *tlsOptions) (driver.TLS, error) {
	if options == nil {
		return driver.TLS{}, nil
	}
	tls := driver.TLS(*options)
	for _, option := range []struct {
		name  string
		value *string
	}{{"ca", &tls.CA}, {"cert", &tls.Cert}, {"key", &tls.Key}} {
		if *option.value == "" || strings.Contains(*option.value, "-----BEGIN ") {
			continue
		}
		content, err := m.file(*option.value)
		if err != nil {
			return tls, fmt.Errorf("option %q: want PEM text or a file of the test: %w", "tls."+option.name, err)
		}
		*option.value = string(content)
	}
	return tls, nil
}

// grpcTLS reads the option tls of a call: true, or a table.
func (m *Module) grpcTLS(option lua.LValue) (*driver.TLS, error) {
	switch v := option.(type) {
	case nil:
		return nil, nil
	case lua.LBool:
		if v {
			return &driver.TLS{}, nil
		}
		return nil, nil
	case *lua.LTable:
		var options tlsOptions
		if err := convert.Options(v, &options); err != nil {
			return nil, fmt.Errorf("option tls: %w", err)
		}
		tls, err := m.tls(&options)
		return &tls, err
	}
	return nil, fmt.Errorf(`option "tls": want true, false or a table of options, got a %s`, option.Type())
}

// file reads a file of the test.
func (m *Module) file(name string) ([]byte, error) {
	if m.files == nil {
		return nil, errors.New("the test has no files")
	}
	const longest = 200
	if len(name) > longest || strings.Contains(name, "\n") {
		return nil, errors.New("the text is neither")
	}
	content, err := m.files.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%q not found beside the script or in the root of the test's files", name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", name, err)
	}
	return content, nil
}
