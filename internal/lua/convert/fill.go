/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package convert

import (
	"fmt"
	"math"
	"reflect"
	"time"

	lua "github.com/yuin/gopher-lua"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	valueType    = reflect.TypeFor[lua.LValue]()
)

// fill sets a field, list item or map entry from the value that the option at path has.
func fill(path string, value lua.LValue, target reflect.Value) error {
	if target.Type().Implements(valueType) || target.Type() == valueType {
		return fillLuaValue(path, value, target)
	}
	if target.Type() == durationType {
		return fillDuration(path, value, target)
	}
	switch target.Kind() {
	case reflect.Pointer:
		pointed := reflect.New(target.Type().Elem())
		target.Set(pointed)
		return fill(path, value, pointed.Elem())
	case reflect.Interface:
		return fillAny(path, value, target)
	case reflect.Struct, reflect.Slice, reflect.Map:
		return fillTable(path, value, target)
	}
	return fillScalar(path, value, target)
}

const wantDuration = `a duration such as "500ms", "60s" or "5m"`

func wrong(path, want string, value lua.LValue) error {
	return fmt.Errorf("option %q: want %s, got %s", path, want, given(value))
}

func fillLuaValue(path string, value lua.LValue, target reflect.Value) error {
	if !reflect.TypeOf(value).AssignableTo(target.Type()) {
		zero, _ := reflect.Zero(target.Type()).Interface().(lua.LValue)
		return wrong(path, "a "+zero.Type().String(), value)
	}
	target.Set(reflect.ValueOf(value))
	return nil
}

func fillDuration(path string, value lua.LValue, target reflect.Value) error {
	text, ok := value.(lua.LString)
	if !ok {
		return wrong(path, wantDuration, value)
	}
	duration, err := time.ParseDuration(string(text))
	if err != nil || duration < 0 {
		return wrong(path, wantDuration, value)
	}
	target.SetInt(int64(duration))
	return nil
}

func fillAny(path string, value lua.LValue, target reflect.Value) error {
	converter := goConverter{}
	converted, err := converter.convert(path, value)
	if err != nil {
		return fmt.Errorf("option %w", err)
	}
	if converted != nil {
		target.Set(reflect.ValueOf(converted))
	}
	return nil
}

func fillScalar(path string, value lua.LValue, target reflect.Value) error {
	switch target.Kind() {
	case reflect.Bool:
		v, ok := value.(lua.LBool)
		if !ok {
			return wrong(path, "true or false", value)
		}
		target.SetBool(bool(v))
	case reflect.String:
		v, ok := value.(lua.LString)
		if !ok {
			return wrong(path, "a string", value)
		}
		target.SetString(string(v))
	case reflect.Float32, reflect.Float64:
		v, ok := value.(lua.LNumber)
		if !ok {
			return wrong(path, "a number", value)
		}
		target.SetFloat(float64(v))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return fillInteger(path, value, target)
	default:
		panic(fmt.Sprintf("convert.Options can't fill a %s (option %q)", target.Type(), path))
	}
	return nil
}

func fillInteger(path string, value lua.LValue, target reflect.Value) error {
	v, ok := value.(lua.LNumber)
	f := float64(v)
	if !ok || f != math.Trunc(f) || math.Abs(f) > maxSafeInteger || target.OverflowInt(int64(f)) {
		return wrong(path, "a whole number", value)
	}
	target.SetInt(int64(f))
	return nil
}

// fillTable fills the kinds that a Lua table stands for.
func fillTable(path string, value lua.LValue, target reflect.Value) error {
	table, ok := value.(*lua.LTable)
	switch target.Kind() {
	case reflect.Struct:
		if !ok {
			return wrong(path, "a table of options", value)
		}
		return fillStruct(path, table, target)
	case reflect.Slice:
		if !ok {
			return wrong(path, "a list, such as { a, b }", value)
		}
		return fillSlice(path, table, target)
	}
	if !ok {
		return wrong(path, "a table, such as { name = value }", value)
	}
	return fillMap(path, table, target)
}

func fillSlice(path string, table *lua.LTable, target reflect.Value) error {
	items, fields := count(table)
	if fields > 0 {
		return fmt.Errorf("option %q: want a list, such as { a, b }, got a table with named fields", path)
	}
	list := reflect.MakeSlice(target.Type(), items, items)
	for i := range items {
		item := table.RawGetInt(i + 1)
		itemPath := fmt.Sprintf("%s[%d]", path, i+1)
		if item == lua.LNil {
			return fmt.Errorf("option %q: the list has no such item: it needs the keys 1 to n without holes", itemPath)
		}
		if err := fill(itemPath, item, list.Index(i)); err != nil {
			return err
		}
	}
	target.Set(list)
	return nil
}

func fillMap(path string, table *lua.LTable, target reflect.Value) error {
	names, err := optionNames(path, table)
	if err != nil {
		return err
	}
	entries := reflect.MakeMapWithSize(target.Type(), len(names))
	for _, name := range names {
		entry := reflect.New(target.Type().Elem()).Elem()
		if err := fill(join(path, name), table.RawGetString(name), entry); err != nil {
			return err
		}
		entries.SetMapIndex(reflect.ValueOf(name).Convert(target.Type().Key()), entry)
	}
	target.Set(entries)
	return nil
}
