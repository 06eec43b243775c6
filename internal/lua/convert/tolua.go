/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package convert

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// ToLua converts a Go value to a Lua value, see the package's table. A nil is Lua's nil on its own, and Null inside
// of a list or map. A Lua value stays as it is; a Go value of another type becomes the string that fmt prints.
func ToLua(L *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case nil:
		return lua.LNil
	case lua.LValue:
		return v
	case bool:
		return lua.LBool(v)
	case string:
		return lua.LString(v)
	case []byte:
		return lua.LString(v)
	case int64:
		return luaInteger(v)
	case float64:
		return lua.LNumber(v)
	case json.Number:
		return luaJSONNumber(v)
	case time.Time:
		return lua.LString(v.Format(time.RFC3339Nano))
	case []any:
		return luaList(L, len(v), func(i int) any { return v[i] })
	case map[string]any:
		table := L.CreateTable(0, len(v))
		for name, field := range v {
			table.RawSetString(name, inside(L, field))
		}
		return table
	}
	return reflectToLua(L, reflect.ValueOf(value))
}

func luaInteger(i int64) lua.LValue {
	if i > maxSafeInteger || i < -maxSafeInteger {
		return lua.LString(strconv.FormatInt(i, 10))
	}
	return lua.LNumber(i)
}

func luaJSONNumber(number json.Number) lua.LValue {
	text := number.String()
	if i, err := number.Int64(); err == nil {
		return luaInteger(i)
	}
	f, err := number.Float64()
	if err != nil || !strings.ContainsAny(text, ".eE") {
		return lua.LString(text)
	}
	return lua.LNumber(f)
}

func luaList(L *lua.LState, length int, item func(int) any) *lua.LTable {
	table := L.CreateTable(length, 0)
	for i := range length {
		table.RawSetInt(i+1, inside(L, item(i)))
	}
	return table
}

// inside converts a value for a list or map, where a nil would leave a hole.
func inside(L *lua.LState, value any) lua.LValue {
	if converted := ToLua(L, value); converted != lua.LNil {
		return converted
	}
	return Null
}

func reflectToLua(L *lua.LState, value reflect.Value) lua.LValue {
	switch value.Kind() {
	case reflect.Bool:
		return lua.LBool(value.Bool())
	case reflect.String:
		return lua.LString(value.String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return luaInteger(value.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if value.Uint() > math.MaxInt64 {
			return lua.LString(strconv.FormatUint(value.Uint(), 10))
		}
		return luaInteger(int64(value.Uint()))
	case reflect.Float32, reflect.Float64:
		return lua.LNumber(value.Float())
	case reflect.Pointer:
		if value.IsNil() {
			return lua.LNil
		}
		return ToLua(L, value.Elem().Interface())
	case reflect.Slice, reflect.Array:
		return luaList(L, value.Len(), func(i int) any { return value.Index(i).Interface() })
	case reflect.Map:
		if value.Type().Key().Kind() != reflect.String {
			break
		}
		table := L.CreateTable(0, value.Len())
		for entries := value.MapRange(); entries.Next(); {
			table.RawSetString(entries.Key().String(), inside(L, entries.Value().Interface()))
		}
		return table
	}
	return lua.LString(fmt.Sprint(value.Interface()))
}
