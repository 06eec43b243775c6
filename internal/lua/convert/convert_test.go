/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package convert

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	lua "github.com/yuin/gopher-lua"
)

// eval returns the value of a Lua expression, in which null is Null.
func eval(t testing.TB, L *lua.LState, expression string) lua.LValue {
	t.Helper()
	L.SetGlobal("null", Null)
	if err := L.DoString("return " + expression); err != nil {
		t.Fatalf("evaluate %s: %v", expression, err)
	}
	value := L.Get(-1)
	L.Pop(1)
	return value
}

func newState(t testing.TB) *lua.LState {
	t.Helper()
	L := lua.NewState()
	t.Cleanup(L.Close)
	return L
}

func TestToGo(t *testing.T) {
	L := newState(t)
	cases := []struct {
		reason, value string
		want          any
	}{
		{"nothing", "nil", nil},
		{"null", "null", nil},
		{"a boolean", "true", true},
		{"a string", `"a\0b"`, "a\x00b"},
		{"a whole number", "3", int64(3)},
		{"a negative whole number", "-2^53", int64(-9007199254740992)},
		{"a number beyond what is exact", "2^53 + 2", float64(9007199254740994)},
		{"a fraction", "1.5", 1.5},
		{"infinity", "1/0", math.Inf(1)},
		{"a list", "{1, 'a', {true}}", []any{int64(1), "a", []any{true}}},
		{"a list with null", "{null, 1}", []any{nil, int64(1)}},
		{"named fields", "{a = 1, b = {c = null}}", map[string]any{"a": int64(1), "b": map[string]any{"c": nil}}},
		{"an empty table", "{}", map[string]any{}},
		{"a table that is there twice", "(function() local t = {1} return {a = t, b = t} end)()", map[string]any{"a": []any{int64(1)}, "b": []any{int64(1)}}},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			got, err := ToGo(eval(t, L, c.value))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("value (-want +got):\n%s", diff)
			}
		})
	}
}

func TestToGoErrors(t *testing.T) {
	L := newState(t)
	cases := []struct{ reason, value, want string }{
		{"a function", "print", "a function can't be used as a value"},
		{"a function inside", "{items = {{price = print}}}", "items[1].price: a function can't be used as a value"},
		{"a coroutine", "{coroutine.create(print)}", "[1]: a thread can't be used as a value"},
		{"a table in itself", "(function() local t = {} t.a = {t} return t end)()", "a[1]: the table contains itself"},
		{"a list with a hole", "{1, [3] = 3}", "the list has no item 2: a list needs the keys 1 to n without holes (db.NULL stands for an empty item)"},
		{"a list that does not begin at 1", "{a = {[0] = 1}}", "a: the list has no item 1: a list needs the keys 1 to n without holes (db.NULL stands for an empty item)"},
		{"items and fields", "{a = {1, b = 2}}", "a: the table has both list items and named fields: use one of the two"},
		{"endless depth", "(function() local t = {} for i = 1, 1e5 do t = {t} end return t end)()", "tables are nested deeper than 200 levels"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			got, err := ToGo(eval(t, L, c.value))
			if err == nil {
				t.Fatalf("ToGo gave %v", got)
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestToLua(t *testing.T) {
	L := newState(t)
	type name string
	seven := 7
	cases := []struct {
		reason string
		value  any
		want   string // an expression that must be true of the value v
	}{
		{"nothing", nil, "v == nil"},
		{"nothing inside", map[string]any{"a": nil, "b": []any{nil, 1}}, "v.a == null and v.b[1] == null and v.b[2] == 1"},
		{"a Lua value", lua.LString("x"), "v == 'x'"},
		{"booleans", []bool{true, false}, "v[1] == true and v[2] == false"},
		{"bytes", []byte("a\x00"), `v == "a\0"`},
		{"integers", []any{int8(1), uint16(2), int32(-3), uint64(4), 5}, "v[1] == 1 and v[2] == 2 and v[3] == -3 and v[4] == 4 and v[5] == 5"},
		{"an exact integer", int64(9007199254740992), "v == 2^53"},
		{"integers that are not exact", []any{int64(9007199254740993), int64(math.MinInt64), uint64(math.MaxUint64)},
			"v[1] == '9007199254740993' and v[2] == '-9223372036854775808' and v[3] == '18446744073709551615'"},
		{"floats", []any{1.5, float32(0.5)}, "v[1] == 1.5 and v[2] == 0.5"},
		{"JSON numbers", []any{json.Number("1"), json.Number("1.5"), json.Number("1e3"), json.Number("12345678901234567890"), json.Number("1e999")},
			"v[1] == 1 and v[2] == 1.5 and v[3] == 1000 and v[4] == '12345678901234567890' and v[5] == '1e999'"},
		{"a time", time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC), "v == '2026-01-02T03:04:05.0000006Z'"},
		{"typed collections", map[name][]map[string]int{"a": {{"b": 1}}}, "v.a[1].b == 1"},
		{"pointers", []*int{&seven, nil}, "v[1] == 7 and v[2] == null"},
		{"named strings", name("x"), "v == 'x'"},
		{"anything else", struct{ A int }{1}, "v == '{1}'"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			L.SetGlobal("v", ToLua(L, c.value))
			if got := eval(t, L, c.want); got != lua.LTrue {
				t.Errorf("%s is %s for %s", c.want, got, eval(t, L, "tostring(v)"))
			}
		})
	}
}

func TestNull(t *testing.T) {
	L := newState(t)
	got := eval(t, L, `tostring(null) .. " " .. tostring(getmetatable(null)) .. " " .. tostring(null == null) .. " " .. tostring(pcall(setmetatable, null, {}))`)
	if want := lua.LString("null null true false"); got != want {
		t.Errorf("null is %q, want %q", got, want)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"image", "replicas", "version", "db"}
	for name, want := range map[string]string{
		"replica": "replicas", "imgae": "image", "Version": "version", "database": "", "x": "", "": "", "db2": "db",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

// FuzzRoundTrip checks that what JSON can hold comes back as it was from Lua.
func FuzzRoundTrip(f *testing.F) {
	for _, seed := range []string{
		`null`, `true`, `1`, `-1.5`, `"a"`, `[]`, `{}`, `[1, [null, "x"]]`, `{"a": {"b": [1.5, null]}}`, `{"1": 2, "": {}}`, `9007199254740993`, `[[[[]]]]`,
	} {
		f.Add(seed)
	}
	L := lua.NewState()
	f.Cleanup(L.Close)
	f.Fuzz(func(t *testing.T, text string) {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var value any
		if decoder.Decode(&value) != nil {
			return
		}
		got, err := ToGo(ToLua(L, value))
		if err != nil {
			if strings.Contains(err.Error(), "nested deeper") {
				return
			}
			t.Fatalf("ToGo(ToLua(%s)): %v", text, err)
		}
		if diff := cmp.Diff(asLua(value), got); diff != "" {
			t.Errorf("ToGo(ToLua(%s)) (-want +got):\n%s", text, diff)
		}
	})
}

// asLua is what is left of a JSON value in Lua: an empty list is an empty table, and a number a double or its digits.
func asLua(value any) any {
	switch v := value.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil && i >= -maxSafeInteger && i <= maxSafeInteger {
			return i
		}
		f, err := v.Float64()
		if err != nil || !strings.ContainsAny(v.String(), ".eE") {
			return v.String()
		}
		return goNumber(f)
	case []any:
		if len(v) == 0 {
			return map[string]any{}
		}
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = asLua(item)
		}
		return items
	case map[string]any:
		fields := make(map[string]any, len(v))
		for name, field := range v {
			fields[name] = asLua(field)
		}
		return fields
	}
	return value
}
