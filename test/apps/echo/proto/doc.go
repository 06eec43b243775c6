/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package echopb is the generated code of echo.proto.
package echopb

//go:generate go run github.com/bufbuild/buf/cmd/buf@v1.75.0 generate
