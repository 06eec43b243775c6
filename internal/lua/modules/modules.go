/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package modules puts together what a script can require.
package modules

import (
	"io"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/modules/db"
	"github.com/topas-dev/topas/internal/lua/modules/json"
	"github.com/topas-dev/topas/internal/lua/modules/net"
	"github.com/topas-dev/topas/internal/lua/modules/postman"
	"github.com/topas-dev/topas/internal/lua/modules/sut"
	"github.com/topas-dev/topas/internal/lua/modules/test"
	"github.com/topas-dev/topas/internal/lua/modules/time"
)

// Drivers are what the modules of one VM work with. All are needed.
type Drivers struct {
	SUT     sut.Driver
	Net     net.Driver
	DB      db.Driver
	Postman postman.Driver
	// Test is the module for the cases of the test. It is a module itself, because the runner has to finish it.
	Test *test.Module
	// Files are the files of the test.
	Files postman.Files
	// Output is the log of the test.
	Output io.Writer
}

// Loaders returns the loaders of all modules by the name that a script requires them by. They are for one VM: modules
// keep what belongs to a run.
func Loaders(d Drivers) map[string]lua.LGFunction {
	return map[string]lua.LGFunction{
		"db":      db.New(d.DB, d.Test.Defer).Loader,
		"json":    json.Loader,
		"net":     net.New(d.Net, d.Files).Loader,
		"postman": postman.New(postman.Config{Driver: d.Postman, Files: d.Files, Output: d.Output}).Loader,
		"sut":     sut.New(d.SUT).Loader,
		"test":    d.Test.Loader,
		"time":    time.Loader,
	}
}
