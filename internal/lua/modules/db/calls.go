/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"errors"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"

	driver "github.com/topas-dev/topas/internal/driver/db"
	"github.com/topas-dev/topas/internal/lua/convert"
)

// defaultWait is how long expect_eventually waits when it is given no duration.
const defaultWait = 30 * time.Second

// call is a function of db and a method of connections. Its first argument of its own is the argument n.
type call func(m *Module, L *lua.LState, conn *driver.Conn, n int) int

var calls = map[string]call{
	"query":             (*Module).query,
	"exec":              (*Module).exec,
	"tx":                (*Module).tx,
	"seed":              (*Module).seed,
	"expect":            (*Module).expect,
	"expect_eventually": (*Module).expectEventually,
	"truncate":          (*Module).truncate,
}

func (m *Module) query(L *lua.LState, conn *driver.Conn, n int) int {
	rows, err := conn.Query(L.Context(), L.CheckString(n), bindings(L, n+1)...)
	if err != nil {
		convert.Raise(L, err)
	}
	L.Push(convert.ToLua(L, rows))
	return 1
}

func (m *Module) exec(L *lua.LState, conn *driver.Conn, n int) int {
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

// tx lets the function raise as if there was no transaction around it, once that is rolled back.
func (m *Module) tx(L *lua.LState, conn *driver.Conn, n int) int {
	function := L.CheckFunction(n)
	var outcome convert.Outcome
	err := conn.Tx(L.Context(), func() error {
		outcome = convert.Protect(L.Context(), L, function, newConn(L, conn))
		if outcome.Failure != nil {
			return outcome.Failure
		}
		return nil
	})
	if outcome.Failure != nil {
		outcome.Again()
	}
	if err != nil {
		convert.Raise(L, err)
	}
	for _, result := range outcome.Results {
		L.Push(result)
	}
	return len(outcome.Results)
}

func (m *Module) seed(L *lua.LState, conn *driver.Conn, n int) int {
	var options struct {
		Table   string           `lua:"table,required"`
		Rows    []map[string]any `lua:"rows,required"`
		Cleanup bool             `lua:"cleanup"`
	}
	L.CheckTable(n)
	convert.CheckOptions(L, n, &options)
	cleanup, err := conn.Seed(L.Context(), driver.Seeding(options))
	if err != nil {
		convert.Raise(L, err)
	}
	if cleanup != nil {
		m.later(L.NewFunction(func(L *lua.LState) int {
			if err := cleanup(L.Context()); err != nil {
				convert.Raise(L, err)
			}
			return 0
		}))
	}
	return 0
}

func (m *Module) expect(L *lua.LState, conn *driver.Conn, n int) int {
	return expected(L, conn.Expect(L.Context(), checkExpectation(L, n)))
}

func (m *Module) expectEventually(L *lua.LState, conn *driver.Conn, n int) int {
	expectation, timeout := checkExpectation(L, n), defaultWait
	if L.Get(n+1) != lua.LNil {
		timeout = convert.CheckDuration(L, n+1)
	}
	return expected(L, conn.ExpectEventually(L.Context(), expectation, timeout))
}

func checkExpectation(L *lua.LState, n int) driver.Expectation {
	var options struct {
		Table  string         `lua:"table,required"`
		Where  map[string]any `lua:"where"`
		Count  *int64         `lua:"count"`
		Absent bool           `lua:"absent"`
	}
	L.CheckTable(n)
	convert.CheckOptions(L, n, &options)
	return driver.Expectation(options)
}

// expected ends a call that checks an expectation.
func expected(L *lua.LState, err error) int {
	var mismatch *driver.Mismatch
	if errors.As(err, &mismatch) {
		convert.RaiseAssertion(L, mismatch)
	}
	if err != nil {
		convert.Raise(L, err)
	}
	return 0
}

func (m *Module) truncate(L *lua.LState, conn *driver.Conn, n int) int {
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
