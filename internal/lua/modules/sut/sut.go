/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package sut is the Lua module "sut": it changes the system under test and waits for it.
package sut

import (
	"context"
	"fmt"
	"math"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/driver/sut"
	"github.com/topas-dev/topas/internal/lua/convert"
)

// DefaultWait is how long wait_ready waits when it is given no duration.
const DefaultWait = 60 * time.Second

// Driver works on the App under test.
type Driver interface {
	ApplyService(ctx context.Context, name string, p sut.Patch) error
	Scale(ctx context.Context, name string, replicas int32) error
	WaitReady(ctx context.Context, name string, timeout time.Duration) error
	Status(ctx context.Context, name string) (sut.Status, error)
}

// Module is the module of one VM.
type Module struct{ driver Driver }

// New returns a module that works on the driver's App.
func New(driver Driver) *Module { return &Module{driver: driver} }

// Loader is the module's loader for require:
//
//	sut.apply_service(name, { image, version, replicas, port, envVars })  -- changes what is given; adds a new service
//	sut.wait_ready(name [, "60s"])      -- of a service or database; raises with what was last seen
//	sut.scale(name, replicas)
//	sut.status(name) --> { name, ready, message, address, image, desired_replicas, ready_replicas }
func (m *Module) Loader(L *lua.LState) int {
	L.Push(L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"apply_service": m.applyService,
		"scale":         m.scale,
		"status":        m.status,
		"wait_ready":    m.waitReady,
	}))
	return 1
}

func (m *Module) applyService(L *lua.LState) int {
	name := L.CheckString(1)
	var options struct {
		Image    *string           `lua:"image"`
		Version  *string           `lua:"version"`
		Replicas *int32            `lua:"replicas"`
		Port     *int32            `lua:"port"`
		EnvVars  map[string]string `lua:"envVars"`
	}
	convert.CheckOptions(L, 2, &options)
	return done(L, m.driver.ApplyService(L.Context(), name, sut.Patch(options)))
}

func (m *Module) scale(L *lua.LState) int {
	name, replicas := L.CheckString(1), float64(L.CheckNumber(2))
	if replicas != math.Trunc(replicas) || math.Abs(replicas) > math.MaxInt32 {
		L.ArgError(2, fmt.Sprintf("want a whole number of replicas, got %v", replicas))
	}
	return done(L, m.driver.Scale(L.Context(), name, int32(replicas)))
}

func (m *Module) waitReady(L *lua.LState) int {
	name, timeout := L.CheckString(1), DefaultWait
	if text := L.OptString(2, ""); text != "" {
		var err error
		if timeout, err = time.ParseDuration(text); err != nil || timeout <= 0 {
			L.ArgError(2, fmt.Sprintf(`want a duration such as "500ms", "60s" or "5m", got %q`, text))
		}
	}
	return done(L, m.driver.WaitReady(L.Context(), name, timeout))
}

func (m *Module) status(L *lua.LState) int {
	status, err := m.driver.Status(L.Context(), L.CheckString(1))
	if err != nil {
		convert.Raise(L, err)
	}
	fields := map[string]any{
		"name": status.Name, "ready": status.Ready, "message": status.Message, "address": status.Address,
	}
	if status.Service {
		fields["image"] = status.Image
		fields["desired_replicas"], fields["ready_replicas"] = status.DesiredReplicas, status.ReadyReplicas
	}
	L.Push(convert.ToLua(L, fields))
	return 1
}

// done ends a call that returns nothing.
func done(L *lua.LState, err error) int {
	if err != nil {
		convert.Raise(L, err)
	}
	return 0
}
