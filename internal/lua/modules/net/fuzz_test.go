/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	lua "github.com/yuin/gopher-lua"

	driver "github.com/topas-dev/topas/internal/driver/net"
	"github.com/topas-dev/topas/internal/driver/net/nettest"
	"github.com/topas-dev/topas/internal/lua/convert"
)

// line calls a server with values that have been through Lua.
type line struct {
	server *nettest.Server
	client *driver.Client
	state  *lua.LState
}

func newLine(f *testing.F) *line {
	l := &line{server: nettest.Start(f, nettest.Both), state: lua.NewState(lua.Options{SkipOpenLibs: true})}
	l.client = driver.NewClient(hosts{"echo": l.server.Address})
	f.Cleanup(func() { l.client.Close(); l.state.Close() })
	return l
}

func (l *line) call(t *testing.T, method string, message any) (any, error) {
	t.Helper()
	reply, err := l.client.Invoke(t.Context(), driver.Call{Target: "echo", Method: nettest.Service + "/" + method, Message: message})
	if err != nil {
		return nil, err
	}
	return l.throughLua(t, reply.Message), nil
}

func (l *line) throughLua(t *testing.T, value any) any {
	t.Helper()
	converted, err := convert.ToGo(convert.ToLua(l.state, value))
	if err != nil {
		if strings.Contains(err.Error(), "nested deeper") {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	return converted
}

// again sends what came from the server back to it, and returns what came then. It has to be the same.
func (l *line) again(t *testing.T, message any) {
	t.Helper()
	again, err := l.call(t, "Unary", message)
	if err != nil {
		if strings.Contains(err.Error(), "required field") {
			t.Skip(err)
		}
		t.Fatalf("%v of\n%v", err, message)
	}
	if diff := cmp.Diff(message, again, cmpopts.EquateNaNs()); diff != "" {
		t.Fatalf("what came back is another message (-sent +got):\n%s", diff)
	}
}

// FuzzMessages lets a script have any message that a server can send, and send it back. What the server sees then has to
// be what it sent, in the words of protojson if it has any.
func FuzzMessages(f *testing.F) {
	l := newLine(f)
	for _, c := range valueSeeds {
		if _, err := l.client.Invoke(f.Context(), driver.Call{Target: "echo", Method: nettest.Service + "/Unary", Message: parse(c)}); err != nil {
			f.Fatalf("%v: %s", err, c)
		}
		encoded, err := l.server.Wire()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Fuzz(func(t *testing.T, encoded []byte) {
		sent, err := l.server.Parse(encoded)
		if err != nil {
			t.Skip(err)
		}
		message, err := l.call(t, "Decode", string(encoded))
		if err != nil {
			t.Fatal(err)
		}
		l.again(t, message)
		want, wantErr := l.server.JSON(sent)
		got, gotErr := l.server.JSON(l.server.Received())
		if wantErr != nil || gotErr != nil {
			return
		}
		if diff := cmp.Diff(canonical(parse(want)), canonical(parse(got))); diff != "" {
			t.Fatalf("the server sent another message than it saw (-sent +seen):\n%s", diff)
		}
	})
}

// FuzzValues lets a script send any value, which is either refused or understood in one way.
func FuzzValues(f *testing.F) {
	l := newLine(f)
	for _, c := range valueSeeds {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Skip(err)
		}
		message, err := l.call(t, "Unary", l.throughLua(t, value))
		var refused *driver.StatusError
		if errors.As(err, &refused) {
			t.Fatal(err)
		}
		if err != nil {
			t.Skip(err)
		}
		l.again(t, message)
	})
}

var valueSeeds = []string{
	`{"a_bool":true,"an_int32":-5,"a_uint64":"18446744073709551615","an_int64":"-9223372036854775808","a_float":0.1,"a_double":1e300,"a_string":"x"}`,
	`{"some_bytes":"abc","color":"RED","colors":[1,"BLUE",99],"maybe":0,"numbers":["9007199254740993",2],"blobs":["","x"]}`,
	`{"by_name":{"a":1},"by_number":{"-7":"x"},"by_flag":{"true":{"a_bool":true}},"by_large_number":{"18446744073709551615":1}}`,
	`{"text":"","child":{"nested":{"nothing":{}}},"children":[{},{"number":1}]}`,
	`{"time":"2026-01-31T10:00:00.5Z","duration":"-1.5s","mask":"a,b.c","times":[{"seconds":253402300800}]}`,
	`{"fields":{"a":[1,null,{}],"b":{"c":true}},"value":null,"values":[[],"x"],"value_by_name":{"n":null}}`,
	`{"wrapped_bool":false,"wrapped_int64":"9223372036854775807","wrapped_uint64":1,"wrapped_string":"","wrapped_bytes":"x","wrapped_double":2.5}`,
	`{"any":{"@type":"x/topas.test.Label","text":"x"},"details":[{"@type":"x/google.protobuf.Any","value":{"@type":"x/google.protobuf.Duration","value":"1s"}},
		{"type_url":"x/y","value":"z"},{"@type":"x/google.protobuf.Value","value":null},{"@type":"x/google.protobuf.Empty"}]}`,
	`{"extended":{"id":1,"name":"x","Part":{"size":2},"[topas.test.weight]":3,"[topas.test.parts]":[{"id":2}],"[topas.test.Label.label]":{"text":"x"}}}`,
}

func parse(text string) any {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	var value any
	if err := decoder.Decode(&value); err != nil {
		panic(err)
	}
	return integers(value)
}

// integers makes whole numbers integers, as they are when they come from Lua.
func integers(value any) any {
	switch v := value.(type) {
	case float64:
		if v == float64(int64(v)) && v < 1<<53 && v > -1<<53 {
			return int64(v)
		}
	case []any:
		for i := range v {
			v[i] = integers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = integers(v[name])
		}
	}
	return value
}

// canonical makes equal what Lua does not tell apart: an empty list and an empty table, and the two zeros, of which one
// is the default that is left out.
func canonical(value any) any {
	switch v := value.(type) {
	case []any:
		if len(v) == 0 {
			return map[string]any{}
		}
		for i := range v {
			v[i] = canonical(v[i])
		}
	case map[string]any:
		for name := range v {
			if v[name] == int64(0) {
				delete(v, name)
				continue
			}
			v[name] = canonical(v[name])
		}
	}
	return value
}
