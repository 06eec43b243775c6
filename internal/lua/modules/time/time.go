/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package time is the Lua module "time". Its times are seconds since 1970, as those of os.time, with a fraction.
package time

import (
	"fmt"
	"math"
	"net/http"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/convert"
)

// Loader is the module's loader for require:
//
//	time.now() --> seconds
//	time.since(seconds) --> seconds
//	time.iso([seconds]) --> "2026-01-31T12:00:00.000Z"
//	time.parse(text) --> seconds           -- RFC 3339, a date alone, or a date of HTTP
//	time.duration("1m30s") --> 90
func Loader(L *lua.LState) int {
	L.Push(L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{
		"duration": func(L *lua.LState) int { return push(L, convert.CheckDuration(L, 1).Seconds()) },
		"iso":      iso,
		"now":      func(L *lua.LState) int { return push(L, seconds(time.Now())) },
		"parse":    parse,
		"since":    func(L *lua.LState) int { return push(L, seconds(time.Now())-float64(L.CheckNumber(1))) },
	}))
	return 1
}

func push(L *lua.LState, n float64) int {
	L.Push(lua.LNumber(n))
	return 1
}

func seconds(t time.Time) float64 {
	return float64(t.Unix()) + float64(t.Nanosecond())/1e9
}

func iso(L *lua.LState) int {
	at := float64(L.OptNumber(1, lua.LNumber(seconds(time.Now()))))
	if math.IsNaN(at) || math.Abs(at) > 253402300799 {
		L.ArgError(1, fmt.Sprintf("want seconds since 1970, up to the year 9999, got %v", at))
	}
	L.Push(lua.LString(time.UnixMilli(int64(math.Round(at * 1000))).UTC().Format("2006-01-02T15:04:05.000Z07:00")))
	return 1
}

func parse(L *lua.LState) int {
	text := L.CheckString(1)
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly, http.TimeFormat} {
		if t, err := time.Parse(layout, text); err == nil {
			return push(L, seconds(t))
		}
	}
	L.ArgError(1, fmt.Sprintf("want a time such as %q, %q or %q, got %q",
		"2026-01-31T12:00:00Z", "2026-01-31", "Sat, 31 Jan 2026 12:00:00 GMT", text))
	return 0
}
