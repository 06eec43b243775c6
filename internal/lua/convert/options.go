/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package convert

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// Options fills the struct that into points to from a table of named options. A field takes the option that its tag
// names; a field without a tag is left alone, and so is one whose option is not given, which keeps its default:
//
//	type options struct {
//		Table   string         `lua:"table,required"`
//		Timeout time.Duration  `lua:"timeout"`
//		Rows    []map[string]any `lua:"rows"`
//	}
//
// Fields may be bool, string, integers, floats, time.Duration (an option such as "60s"), any (see ToGo), structs with
// tags of their own, Lua values (taken as they are), and pointers to, slices of and maps from string to these. A nil
// table has no options. Errors name the option by its path, such as "rows[2].name": an unknown option with the nearest
// known one, a wrong type with what was given, and a required option that is missing.
//
// Options panics if into is not such a pointer, which is a mistake of the caller and not of the script.
func Options(table *lua.LTable, into any) error {
	target := reflect.ValueOf(into)
	if target.Kind() != reflect.Pointer || target.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("convert.Options needs a pointer to a struct, got %T", into))
	}
	return fillStruct("", table, target.Elem())
}

// CheckOptions fills into from the argument n of the running call, which may be left out, and raises what is wrong with it.
func CheckOptions(L *lua.LState, n int, into any) {
	value := L.Get(n)
	if value == lua.LNil {
		value = (*lua.LTable)(nil)
	}
	table, ok := value.(*lua.LTable)
	if !ok {
		L.ArgError(n, fmt.Sprintf("want a table of options, got %s", given(value)))
	}
	if err := Options(table, into); err != nil {
		L.ArgError(n, err.Error())
	}
}

// CheckDuration returns the argument n of the running call, which has to be a duration such as "60s".
func CheckDuration(L *lua.LState, n int) time.Duration {
	duration, err := time.ParseDuration(L.CheckString(n))
	if err != nil || duration < 0 {
		L.ArgError(n, fmt.Sprintf("want %s, got %q", wantDuration, L.CheckString(n)))
	}
	return duration
}

// option is a field of a struct that is filled from an option.
type option struct {
	index    int
	required bool
}

func fillStruct(path string, table *lua.LTable, target reflect.Value) error {
	options, names := optionsOf(target.Type())
	if table != nil {
		keys, err := optionNames(path, table)
		if err != nil {
			return err
		}
		for _, key := range keys {
			field, known := options[key]
			if !known {
				return fmt.Errorf("unknown option %q: %s", join(path, key), suggestion(key, names))
			}
			if err := fill(join(path, key), table.RawGetString(key), target.Field(field.index)); err != nil {
				return err
			}
		}
	}
	for _, name := range names {
		if options[name].required && (table == nil || table.RawGetString(name) == lua.LNil) {
			return fmt.Errorf("option %q is missing", join(path, name))
		}
	}
	return nil
}

// optionsOf returns the options of a struct type by name, and their names in order.
func optionsOf(t reflect.Type) (map[string]option, []string) {
	options := make(map[string]option, t.NumField())
	var names []string
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup("lua")
		if !ok {
			continue
		}
		name, flag, _ := strings.Cut(tag, ",")
		options[name] = option{index: i, required: flag == "required"}
		names = append(names, name)
	}
	slices.Sort(names)
	return options, names
}

// optionNames returns the keys of a table in order, so that of several mistakes always the same is reported.
func optionNames(path string, table *lua.LTable) ([]string, error) {
	var names []string
	var wrong error
	table.ForEach(func(key, _ lua.LValue) {
		if key.Type() != lua.LTString && wrong == nil {
			wrong = errors.New(strings.TrimSpace(fmt.Sprintf(
				"%s want named options, such as { name = value }, got a list item at %s", optionLabel(path), key)))
		}
		names = append(names, key.String())
	})
	slices.Sort(names)
	return names, wrong
}

func optionLabel(path string) string {
	if path == "" {
		return ""
	}
	return "option " + strconv.Quote(path) + ":"
}

// given describes a value in an error message.
func given(value lua.LValue) string {
	if value == Null {
		return "null"
	}
	switch v := value.(type) {
	case lua.LString:
		return "the string " + strconv.Quote(shorten(string(v)))
	case lua.LNumber, lua.LBool:
		return "the " + value.Type().String() + " " + value.String()
	case *lua.LNilType:
		return "nil"
	}
	return "a " + value.Type().String()
}

func shorten(text string) string {
	const most = 60
	if len(text) <= most {
		return text
	}
	return text[:most] + "..."
}

func quotedList(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	return strings.Join(quoted, ", ")
}
