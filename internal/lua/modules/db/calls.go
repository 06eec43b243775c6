/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"errors"
	"fmt"

	lua "github.com/yuin/gopher-lua"

	driver "github.com/topas-dev/topas/internal/driver/db"
	"github.com/topas-dev/topas/internal/lua/convert"
)

// call is a function of db and a method of connections. Its first argument of its own is the argument n.
type call func(L *lua.LState, conn *driver.Conn, n int) int

var calls = map[string]call{
	"query":    query,
	"exec":     exec,
	"seed":     seed,
	"expect":   expect,
	"truncate": truncate,
}

func query(L *lua.LState, conn *driver.Conn, n int) int {
	rows, err := conn.Query(L.Context(), L.CheckString(n), bindings(L, n+1)...)
	if err != nil {
		convert.Raise(L, err)
	}
	L.Push(convert.ToLua(L, rows))
	return 1
}

func exec(L *lua.LState, conn *driver.Conn, n int) int {
	changed, err := conn.Exec(L.Context(), L.CheckString(n), bindings(L, n+1)...)
	if err != nil {
		convert.Raise(L, err)
	}
	L.Push(lua.LNumber(changed))
	return 1
}

// bindings are the values of a statement: all arguments from n on, nil being NULL as db.NULL is.
func bindings(L *lua.LState, n int) []any {
	var values []any
	for ; n <= L.GetTop(); n++ {
		value, err := convert.ToGo(L.Get(n))
		if err != nil {
			L.ArgError(n, err.Error())
		}
		values = append(values, value)
	}
	return values
}

func seed(L *lua.LState, conn *driver.Conn, n int) int {
	var options struct {
		Table string           `lua:"table,required"`
		Rows  []map[string]any `lua:"rows,required"`
	}
	L.CheckTable(n)
	convert.CheckOptions(L, n, &options)
	if err := conn.Seed(L.Context(), options.Table, options.Rows); err != nil {
		convert.Raise(L, err)
	}
	return 0
}

func expect(L *lua.LState, conn *driver.Conn, n int) int {
	var options struct {
		Table  string         `lua:"table,required"`
		Where  map[string]any `lua:"where"`
		Count  *int64         `lua:"count"`
		Absent bool           `lua:"absent"`
	}
	L.CheckTable(n)
	convert.CheckOptions(L, n, &options)
	err := conn.Expect(L.Context(), driver.Expectation(options))
	var mismatch *driver.Mismatch
	if errors.As(err, &mismatch) {
		convert.RaiseAssertion(L, mismatch)
	}
	if err != nil {
		convert.Raise(L, err)
	}
	return 0
}

func truncate(L *lua.LState, conn *driver.Conn, n int) int {
	var tables []string
	for i := n; i <= L.GetTop(); i++ {
		name, ok := L.Get(i).(lua.LString)
		if !ok {
			L.ArgError(i, fmt.Sprintf("want the name of a table, got a %s", L.Get(i).Type()))
		}
		tables = append(tables, string(name))
	}
	if err := conn.Truncate(L.Context(), tables...); err != nil {
		convert.Raise(L, err)
	}
	return 0
}
