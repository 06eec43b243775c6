/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package db is the Lua module "db": PostgreSQL.
//
//	db.connect([{host, port, user, password, db, sslmode, timeout}]) --> conn
//	conn:query(sql, ...) --> rows             conn:exec(sql, ...) --> number of rows changed
//	conn:seed{table, rows [, cleanup]}        conn:truncate(table, ...)
//	conn:expect{table, where [, count | absent]}
//	conn:expect_eventually({as expect}, [duration])
//	conn:tx(function(conn) ... end) --> what the function returns
//	db.NULL
//
// The functions of conn are in db too, where they use the connection that was made last. Anything that the database
// refuses raises; an expectation that does not hold raises an assertion.
package db

import (
	"context"
	"errors"
	"time"

	lua "github.com/yuin/gopher-lua"

	driver "github.com/topas-dev/topas/internal/driver/db"
	"github.com/topas-dev/topas/internal/lua/convert"
)

// connType is the name of the metatable of connections in the registry.
const connType = "db.conn"

// Driver makes connections; *driver.Client is one.
type Driver interface {
	Connect(context.Context, driver.Options) (*driver.Conn, error)
}

// Module is the module for one VM: it knows the connection that was made last.
type Module struct {
	driver Driver
	later  func(function lua.LValue)
	last   *driver.Conn
}

// New returns a module that uses a driver, which keeps the connections and closes them. The functions that it gives to
// later are called at the end of the test, or of the case that runs.
func New(driver Driver, later func(function lua.LValue)) *Module {
	return &Module{driver: driver, later: later}
}

// Loader makes the module's table, for require.
func (m *Module) Loader(L *lua.LState) int {
	module := L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{"connect": m.connect})
	module.RawSetString("NULL", convert.Null)
	methods := L.NewTable()
	for name, call := range calls {
		module.RawSetString(name, L.NewFunction(func(L *lua.LState) int { return call(m, L, m.current(L), 1) }))
		methods.RawSetString(name, L.NewFunction(func(L *lua.LState) int { return call(m, L, checkConn(L, name), 2) }))
	}
	metatable := L.NewTypeMetatable(connType)
	metatable.RawSetString("__index", methods)
	metatable.RawSetString("__metatable", lua.LString(connType))
	L.Push(module)
	return 1
}

// connectOptions are the options of connect.
type connectOptions struct {
	Host     string        `lua:"host"`
	Port     int           `lua:"port"`
	User     string        `lua:"user"`
	Password string        `lua:"password"`
	Database string        `lua:"db"`
	SSLMode  string        `lua:"sslmode"`
	Timeout  time.Duration `lua:"timeout"`
}

func (m *Module) connect(L *lua.LState) int {
	var options connectOptions
	convert.CheckOptions(L, 1, &options)
	conn, err := m.driver.Connect(L.Context(), driver.Options(options))
	if err != nil {
		convert.Raise(L, err)
	}
	m.last = conn
	L.Push(newConn(L, conn))
	return 1
}

func newConn(L *lua.LState, conn *driver.Conn) *lua.LUserData {
	return &lua.LUserData{Value: conn, Metatable: L.NewTypeMetatable(connType)}
}

// current is the connection that db.query and the like use.
func (m *Module) current(L *lua.LState) *driver.Conn {
	if m.last == nil {
		convert.Raise(L, errors.New("there is no connection: call db.connect first"))
	}
	return m.last
}

// checkConn is the connection that a method was called on.
func checkConn(L *lua.LState, method string) *driver.Conn {
	if userdata, ok := L.Get(1).(*lua.LUserData); ok {
		if conn, ok := userdata.Value.(*driver.Conn); ok {
			return conn
		}
	}
	L.ArgError(1, "want a connection: write conn:"+method+"(...), with a colon")
	return nil
}
