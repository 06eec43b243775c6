/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package convert

import (
	"fmt"
	"math"
	"strconv"

	lua "github.com/yuin/gopher-lua"
)

// ToGo converts a Lua value to plain Go values, see the package's table. A table is a list if its keys are exactly
// 1 to n, and a map if all its keys are strings; an empty table is an empty map. Functions, coroutines, userdata,
// tables that contain themselves, and lists with holes are errors that name the place, such as "items[2].price".
func ToGo(value lua.LValue) (any, error) {
	c := goConverter{}
	return c.convert("", value)
}

// goConverter knows the tables that it is inside of.
type goConverter struct {
	within map[*lua.LTable]bool
}

func (c *goConverter) convert(path string, value lua.LValue) (any, error) {
	if value == Null {
		return nil, nil
	}
	switch v := value.(type) {
	case *lua.LNilType, nil:
		return nil, nil
	case lua.LBool:
		return bool(v), nil
	case lua.LString:
		return string(v), nil
	case lua.LNumber:
		return goNumber(float64(v)), nil
	case *lua.LTable:
		return c.table(path, v)
	}
	return nil, at(path, "a %s can't be used as a value", value.Type())
}

func goNumber(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) <= maxSafeInteger {
		return int64(f)
	}
	return f
}

func (c *goConverter) table(path string, table *lua.LTable) (any, error) {
	if c.within[table] {
		return nil, at(path, "the table contains itself")
	}
	if len(c.within) >= maxDepth {
		return nil, at("", "tables are nested deeper than %d levels", maxDepth)
	}
	if c.within == nil {
		c.within = map[*lua.LTable]bool{}
	}
	c.within[table] = true
	defer delete(c.within, table)

	items, fields := count(table)
	switch {
	case items > 0 && fields > 0:
		return nil, at(path, "the table has both list items and named fields: use one of the two")
	case items > 0:
		return c.list(path, table, items)
	}
	return c.fields(path, table, fields)
}

// count returns how many keys of a table are strings, and how many are not.
func count(table *lua.LTable) (items, fields int) {
	table.ForEach(func(key, _ lua.LValue) {
		if key.Type() == lua.LTString {
			fields++
		} else {
			items++
		}
	})
	return items, fields
}

func (c *goConverter) list(path string, table *lua.LTable, length int) (any, error) {
	list := make([]any, length)
	for i := range length {
		item := table.RawGetInt(i + 1)
		if item == lua.LNil {
			return nil, at(path, "the list has no item %d: a list needs the keys 1 to n without holes (db.NULL stands for an empty item)", i+1)
		}
		value, err := c.convert(path+"["+strconv.Itoa(i+1)+"]", item)
		if err != nil {
			return nil, err
		}
		list[i] = value
	}
	return list, nil
}

func (c *goConverter) fields(path string, table *lua.LTable, length int) (any, error) {
	fields := make(map[string]any, length)
	var failed error
	table.ForEach(func(key, value lua.LValue) {
		if failed != nil {
			return
		}
		name := key.String()
		fields[name], failed = c.convert(join(path, name), value)
	})
	if failed != nil {
		return nil, failed
	}
	return fields, nil
}

// join puts a field's name behind a path: "a" and "b" become "a.b".
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// at makes an error about the value at a path; the path is left out when it is the value itself.
func at(path, format string, args ...any) error {
	if path == "" {
		return fmt.Errorf(format, args...)
	}
	return fmt.Errorf("%s: "+format, append([]any{path}, args...)...)
}
