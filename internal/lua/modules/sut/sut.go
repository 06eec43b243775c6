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
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/driver/sut"
	"github.com/topas-dev/topas/internal/lua/convert"
)

// DefaultWait is how long wait_ready and wait wait when they are given no duration.
const DefaultWait = 60 * time.Second

// Driver works on the App under test; *sut.Client is one.
type Driver interface {
	ApplyService(ctx context.Context, name string, p sut.Patch) error
	Scale(ctx context.Context, name string, replicas int32) error
	Restart(ctx context.Context, name string) error
	Rollback(ctx context.Context, name string) error
	WaitReady(ctx context.Context, name string, timeout time.Duration) error
	Wait(ctx context.Context, name string, wanted sut.Wanted, timeout time.Duration) error
	Overview(ctx context.Context) (sut.Overview, error)
	Status(ctx context.Context, name string) (sut.Status, error)
	Address(ctx context.Context, name string) (string, error)
	Logs(ctx context.Context, name string, o sut.LogOptions) (string, error)
	Exec(ctx context.Context, name string, command sut.Command) (sut.Executed, error)
}

// Module is the module of one VM.
type Module struct{ driver Driver }

// New returns a module that works on the driver's App.
func New(driver Driver) *Module { return &Module{driver: driver} }

// Loader is the module's loader for require:
//
//	sut.apply_service(name, { image, version, replicas, port, envVars })  -- changes what is given; adds a new service
//	sut.scale(name, replicas)           sut.restart(name)           sut.rollback(name)
//	sut.wait_ready(name [, "60s"])      -- of a service or database; raises with what was last seen
//	sut.wait(name, { ready, image, desired_replicas, ready_replicas } [, "60s"])
//	sut.status(name) --> { name, ready, message, address, image, desired_replicas, ready_replicas }
//	sut.app() --> { name, namespace, phase, services, databases }
//	sut.url(name [, path]) --> "http://..."
//	sut.logs(name [, { tail, since, previous }]) --> text
//	sut.exec(name, command [, { stdin, timeout }]) --> { code, stdout, stderr }
func (m *Module) Loader(L *lua.LState) int {
	L.Push(L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"app":           m.app,
		"apply_service": m.applyService,
		"exec":          m.exec,
		"logs":          m.logs,
		"restart":       m.restart,
		"rollback":      m.rollback,
		"scale":         m.scale,
		"status":        m.status,
		"url":           m.url,
		"wait":          m.wait,
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

func (m *Module) restart(L *lua.LState) int {
	return done(L, m.driver.Restart(L.Context(), L.CheckString(1)))
}

func (m *Module) rollback(L *lua.LState) int {
	return done(L, m.driver.Rollback(L.Context(), L.CheckString(1)))
}

func (m *Module) waitReady(L *lua.LState) int {
	return done(L, m.driver.WaitReady(L.Context(), L.CheckString(1), checkTimeout(L, 2)))
}

func (m *Module) wait(L *lua.LState) int {
	name := L.CheckString(1)
	var wanted struct {
		Ready           *bool   `lua:"ready"`
		Image           *string `lua:"image"`
		DesiredReplicas *int32  `lua:"desired_replicas"`
		ReadyReplicas   *int32  `lua:"ready_replicas"`
	}
	L.CheckTable(2)
	convert.CheckOptions(L, 2, &wanted)
	return done(L, m.driver.Wait(L.Context(), name, sut.Wanted(wanted), checkTimeout(L, 3)))
}

// checkTimeout is the argument n, how long to wait.
func checkTimeout(L *lua.LState, n int) time.Duration {
	if L.Get(n) == lua.LNil {
		return DefaultWait
	}
	timeout := convert.CheckDuration(L, n)
	if timeout == 0 {
		L.ArgError(n, fmt.Sprintf(`want a duration such as "500ms", "60s" or "5m", got %q`, L.CheckString(n)))
	}
	return timeout
}

func (m *Module) url(L *lua.LState) int {
	name, path := L.CheckString(1), L.OptString(2, "/")
	address, err := m.driver.Address(L.Context(), name)
	if err != nil {
		convert.Raise(L, err)
	}
	L.Push(lua.LString("http://" + address + "/" + strings.TrimPrefix(path, "/")))
	return 1
}

func (m *Module) logs(L *lua.LState) int {
	name := L.CheckString(1)
	var options struct {
		Tail     int64         `lua:"tail"`
		Since    time.Duration `lua:"since"`
		Previous bool          `lua:"previous"`
	}
	convert.CheckOptions(L, 2, &options)
	if options.Tail < 0 {
		L.ArgError(2, fmt.Sprintf(`option "tail": want a number of lines, got %d`, options.Tail))
	}
	text, err := m.driver.Logs(L.Context(), name, sut.LogOptions(options))
	if err != nil {
		convert.Raise(L, err)
	}
	L.Push(lua.LString(text))
	return 1
}

func (m *Module) exec(L *lua.LState) int {
	name := L.CheckString(1)
	var options struct {
		Stdin   string        `lua:"stdin"`
		Timeout time.Duration `lua:"timeout"`
	}
	convert.CheckOptions(L, 3, &options)
	command := sut.Command{Args: checkCommand(L, 2), Stdin: options.Stdin, Timeout: options.Timeout}
	executed, err := m.driver.Exec(L.Context(), name, command)
	if err != nil {
		convert.Raise(L, err)
	}
	L.Push(convert.ToLua(L, map[string]any{"code": executed.Code, "stdout": executed.Stdout, "stderr": executed.Stderr}))
	return 1
}

// checkCommand is the argument n: a program with its arguments, or a line for the shell.
func checkCommand(L *lua.LState, n int) []string {
	table, ok := L.Get(n).(*lua.LTable)
	if !ok {
		return []string{"sh", "-c", L.CheckString(n)}
	}
	var args []string
	for i := 1; i <= table.Len(); i++ {
		arg, ok := table.RawGetInt(i).(lua.LString)
		if !ok {
			L.ArgError(n, fmt.Sprintf("want a list of strings, got a %s at %d", table.RawGetInt(i).Type(), i))
		}
		args = append(args, string(arg))
	}
	return args
}

func (m *Module) app(L *lua.LState) int {
	app, err := m.driver.Overview(L.Context())
	if err != nil {
		convert.Raise(L, err)
	}
	L.Push(convert.ToLua(L, map[string]any{
		"name": app.Name, "namespace": app.Namespace, "phase": app.Phase, "services": app.Services, "databases": app.Databases,
	}))
	return 1
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
