/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package convert

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"
)

type inner struct {
	CA string `lua:"ca"`
}

// all has a field of each kind that Options can fill.
type all struct {
	Name     string           `lua:"name"`
	On       bool             `lua:"on"`
	Count    int              `lua:"count"`
	Small    int8             `lua:"small"`
	Replicas *int32           `lua:"replicas"`
	Ratio    float64          `lua:"ratio"`
	Timeout  time.Duration    `lua:"timeout"`
	Wait     *time.Duration   `lua:"wait"`
	Any      any              `lua:"any"`
	Inner    inner            `lua:"inner"`
	Pointer  *inner           `lua:"pointer"`
	Names    []string         `lua:"names"`
	Rows     []map[string]any `lua:"rows"`
	Inners   []inner          `lua:"inners"`
	Env      map[string]string
	Vars     map[string]string `lua:"vars"`
	Fields   map[string]any    `lua:"fields"`
	Raw      lua.LValue        `lua:"raw"`
	Call     *lua.LFunction    `lua:"call"`
}

func TestOptions(t *testing.T) {
	L := newState(t)
	replicas, wait := int32(3), time.Second
	cases := []struct {
		reason, table string
		into, want    all
	}{
		{"nothing leaves the defaults", "{}", all{Name: "default", Count: 1}, all{Name: "default", Count: 1}},
		{"scalars", `{name = "web", on = true, count = -5, small = 127, replicas = 3, ratio = 0.5, timeout = "1m30s", wait = "1s"}`, all{Name: "default"},
			all{Name: "web", On: true, Count: -5, Small: 127, Replicas: &replicas, Ratio: 0.5, Timeout: 90 * time.Second, Wait: &wait}},
		{"tables", `{any = {1}, inner = {ca = "x"}, pointer = {}, names = {"a", "b"}, rows = {{a = 1}, {b = null}}, inners = {{ca = "y"}}, vars = {A = "1"}, fields = {x = {}}}`, all{},
			all{Any: []any{int64(1)}, Inner: inner{"x"}, Pointer: &inner{}, Names: []string{"a", "b"}, Rows: []map[string]any{{"a": int64(1)}, {"b": nil}},
				Inners: []inner{{"y"}}, Vars: map[string]string{"A": "1"}, Fields: map[string]any{"x": map[string]any{}}}},
		{"an empty list", `{names = {}, rows = {}}`, all{}, all{Names: []string{}, Rows: []map[string]any{}}},
		{"null", `{any = null, raw = null}`, all{}, all{Raw: Null}},
		{"Lua values", `{raw = false}`, all{}, all{Raw: lua.LFalse}},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			got := c.into
			if err := Options(eval(t, L, c.table).(*lua.LTable), &got); err != nil {
				t.Fatal(err)
			}
			sameValue := cmp.Comparer(func(a, b lua.LValue) bool { return a == b })
			if diff := cmp.Diff(c.want, got, sameValue); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOptionsErrors(t *testing.T) {
	L := newState(t)
	const known = `known are "any", "call", "count", "fields", "inner", "inners", "name", "names", "on", "pointer", "ratio", "raw", "replicas", "rows", "small", "timeout", "vars", "wait"`
	cases := []struct{ reason, table, want string }{
		{"an unknown option", `{replica = 1}`, `unknown option "replica": did you mean "replicas"?`},
		{"an unknown option like no other", `{something = 1}`, `unknown option "something": ` + known},
		{"an unknown option inside", `{inners = {{}, {cas = ""}}}`, `unknown option "inners[2].cas": did you mean "ca"?`},
		{"of two mistakes the first by name", `{zzz = 1, name = 1}`, `option "name": want a string, got the number 1`},
		{"a list in place of options", `{"web"}`, `want named options, such as { name = value }, got a list item at 1`},
		{"a list in place of fields", `{fields = {1}}`, `option "fields": want named options, such as { name = value }, got a list item at 1`},
		{"a number for a boolean", `{on = 1}`, `option "on": want true or false, got the number 1`},
		{"a string for a number", `{count = "three"}`, `option "count": want a whole number, got the string "three"`},
		{"a long string", `{count = ("x"):rep(100)}`, `option "count": want a whole number, got the string "` + strings.Repeat("x", 60) + `..."`},
		{"a fraction for a whole number", `{count = 1.5}`, `option "count": want a whole number, got the number 1.5`},
		{"a number that is too large", `{small = 128}`, `option "small": want a whole number, got the number 128`},
		{"a number that is far too large", `{count = 1e300}`, `option "count": want a whole number, got the number 1e+300`},
		{"no number", `{count = 0/0}`, `option "count": want a whole number, got the number NaN`},
		{"a boolean for a fraction", `{ratio = true}`, `option "ratio": want a number, got the boolean true`},
		{"a number for a duration", `{timeout = 60}`, `option "timeout": want a duration such as "500ms", "60s" or "5m", got the number 60`},
		{"a duration without a unit", `{timeout = "60"}`, `option "timeout": want a duration such as "500ms", "60s" or "5m", got the string "60"`},
		{"a negative duration", `{timeout = "-1s"}`, `option "timeout": want a duration such as "500ms", "60s" or "5m", got the string "-1s"`},
		{"a string for a list", `{names = "a"}`, `option "names": want a list, such as { a, b }, got the string "a"`},
		{"fields for a list", `{names = {a = 1}}`, `option "names": want a list, such as { a, b }, got a table with named fields`},
		{"a list with a hole", `{names = {[2] = "a"}}`, `option "names[1]": the list has no such item: it needs the keys 1 to n without holes`},
		{"a wrong item", `{names = {"a", null}}`, `option "names[2]": want a string, got null`},
		{"a wrong field", `{vars = {A = 1}}`, `option "vars.A": want a string, got the number 1`},
		{"a wrong row", `{rows = {{a = print}}}`, `option rows[1].a: a function can't be used as a value`},
		{"a string for options", `{inner = "x"}`, `option "inner": want a table of options, got the string "x"`},
		{"a string for fields", `{vars = "x"}`, `option "vars": want a table, such as { name = value }, got the string "x"`},
		{"a string for a function", `{call = "x"}`, `option "call": want a function, got the string "x"`},
		{"a function for a string", `{name = print}`, `option "name": want a string, got a function`},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			err := Options(eval(t, L, c.table).(*lua.LTable), &all{})
			if err == nil {
				t.Fatal("Options took it")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOptionsRequired(t *testing.T) {
	L := newState(t)
	type options struct {
		Table string `lua:"table,required"`
	}
	for _, table := range []*lua.LTable{nil, L.NewTable()} {
		if err := Options(table, &options{}); err == nil || err.Error() != `option "table" is missing` {
			t.Errorf("without the required option: %v", err)
		}
	}
}

// FuzzOptions looks for tables that Options breaks on, be they taken or refused.
func FuzzOptions(f *testing.F) {
	for _, seed := range []string{
		`{name = "a"}`, `{1, 2}`, `{rows = {{a = {1, {}}}}}`, `{names = {[1e9] = 1}}`, `{inner = {ca = {}}, small = -129}`, `{[true] = 1}`, `{any = 0/0, timeout = "1h"}`,
	} {
		f.Add(seed)
	}
	L := lua.NewState(lua.Options{SkipOpenLibs: true})
	f.Cleanup(L.Close)
	f.Fuzz(func(t *testing.T, text string) {
		table := literal(L, text)
		if table == nil {
			return
		}
		var first, second all
		firstErr, secondErr := Options(table, &first), Options(table, &second)
		if (firstErr == nil) != (secondErr == nil) || firstErr != nil && firstErr.Error() != secondErr.Error() {
			t.Errorf("Options gave %v and then %v", firstErr, secondErr)
		}
	})
}

// literal makes a table of what looks like a table of constants, nil if it does not.
func literal(L *lua.LState, text string) *lua.LTable {
	if !strings.HasPrefix(text, "{") || strings.ContainsAny(text, "()") || len(text) > 1000 {
		return nil
	}
	function, err := L.LoadString("return " + text)
	if err != nil {
		return nil
	}
	L.Push(function)
	if L.PCall(0, 1, nil) != nil {
		return nil
	}
	table, _ := L.Get(-1).(*lua.LTable)
	L.Pop(1)
	return table
}
