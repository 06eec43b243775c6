/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/topas-dev/topas/internal/driver/net/nettest"
)

type fields = map[string]any

// kindsCases are messages as they are given, as the server saw them, and as they came back: what differs from a message
// without fields.
var kindsCases = []struct {
	reason string
	send   any
	seen   string
	want   fields
}{
	{"no fields", nil, `{}`, fields{}},
	{
		"32-bit integers to their limits",
		fields{"an_int32": int64(math.MinInt32), "a_sint32": int64(-1), "a_sfixed32": int64(math.MaxInt32), "a_uint32": int64(math.MaxUint32), "a_fixed32": "7"},
		`{"an_int32":-2147483648,"a_sint32":-1,"a_sfixed32":2147483647,"a_uint32":4294967295,"a_fixed32":7}`,
		fields{"an_int32": int32(math.MinInt32), "a_sint32": int32(-1), "a_sfixed32": int32(math.MaxInt32), "a_uint32": uint32(math.MaxUint32), "a_fixed32": uint32(7)},
	},
	{
		"64-bit integers have all digits",
		fields{
			"an_int64": "-9223372036854775808", "a_sint64": "9007199254740993", "a_sfixed64": int64(-5),
			"a_uint64": "18446744073709551615", "a_fixed64": "18446744073709551614", "numbers": []any{"9223372036854775807", int64(1)},
		},
		`{"an_int64":"-9223372036854775808","a_sint64":"9007199254740993","a_sfixed64":"-5","a_uint64":"18446744073709551615",
			"a_fixed64":"18446744073709551614","numbers":["9223372036854775807","1"]}`,
		fields{
			"an_int64": int64(math.MinInt64), "a_sint64": int64(9007199254740993), "a_sfixed64": int64(-5),
			"a_uint64": uint64(math.MaxUint64), "a_fixed64": uint64(math.MaxUint64 - 1), "numbers": []any{int64(math.MaxInt64), int64(1)},
		},
	},
	{
		"floats, also those that JSON has no numbers for",
		fields{"a_float": 0.1, "a_double": math.Inf(-1), "wrapped_double": int64(3)},
		`{"a_float":0.1,"a_double":"-Infinity","wrapped_double":3}`,
		fields{"a_float": 0.1, "a_double": math.Inf(-1), "wrapped_double": 3.0},
	},
	{
		"text and bytes, which are no text",
		fields{"a_bool": true, "a_string": "grüße\x00", "some_bytes": "\xff\x00a", "blobs": []any{"", "\x80"}},
		`{"a_bool":true,"a_string":"grüße\u0000","some_bytes":"/wBh","blobs":["","gA=="]}`,
		fields{"a_bool": true, "a_string": "grüße\x00", "some_bytes": []byte("\xff\x00a"), "blobs": []any{[]byte{}, []byte("\x80")}},
	},
	{
		"enums by name and number, also one without a name",
		fields{"color": "BLUE", "colors": []any{"RED", int64(-2), int64(99)}},
		`{"color":"BLUE","colors":["RED","BLUE",99]}`,
		fields{"color": "BLUE", "colors": []any{"RED", "BLUE", int64(99)}},
	},
	{
		"an optional field that has its default, and JSON names",
		fields{"maybe": int64(0), "aString": "x"},
		`{"maybe":0,"a_string":"x"}`,
		fields{"maybe": int32(0), "a_string": "x"},
	},
	{
		"maps",
		fields{
			"by_name": fields{"a": int64(1), "": "2"}, "by_number": fields{"-7": "x"}, "by_large_number": fields{"18446744073709551615": "RED"},
			"by_flag": fields{"true": fields{"a_bool": true}},
		},
		`{"by_name":{"":"2","a":"1"},"by_number":{"-7":"x"},"by_large_number":{"18446744073709551615":"RED"},"by_flag":{"true":{"a_bool":true}}}`,
		fields{
			"by_name": fields{"a": int64(1), "": int64(2)}, "by_number": fields{"-7": "x"}, "by_large_number": fields{"18446744073709551615": "RED"},
			"by_flag": fields{"true": kinds(fields{"a_bool": true})},
		},
	},
	{"a list is a map of the numbers from 1", fields{"by_number": []any{"x", "y"}}, `{"by_number":{"1":"x","2":"y"}}`, fields{"by_number": fields{"1": "x", "2": "y"}}},
	{"an empty table is an empty list or map", fields{"numbers": fields{}, "by_name": fields{}}, `{}`, fields{}},
	{"null is no value", fields{"child": nil, "text": nil, "number": int64(1)}, `{"number":"1"}`, fields{"number": int64(1)}},
	{"a oneof with its default", fields{"text": ""}, `{"text":""}`, fields{"text": ""}},
	{"a oneof with a message", fields{"nothing": fields{}}, `{"nothing":{}}`, fields{"nothing": fields{}}},
	{
		"messages inside of their own kind",
		fields{"child": fields{"nested": fields{"a_string": "deep"}}, "children": []any{fields{"a_bool": true}, fields{}}},
		`{"child":{"nested":{"a_string":"deep"}},"children":[{"a_bool":true},{}]}`,
		fields{"child": kinds(fields{"nested": kinds(fields{"a_string": "deep"})}), "children": []any{kinds(fields{"a_bool": true}), kinds(nil)}},
	},
	{
		"times and masks",
		fields{"time": "2026-01-31T10:00:00.5Z", "duration": "1m30s", "mask": "a_string,child.color", "times": []any{"1970-01-01T01:00:00+01:00"}},
		`{"time":"2026-01-31T10:00:00.500Z","duration":"90s","mask":"aString,child.color","times":["1970-01-01T00:00:00Z"]}`,
		fields{"time": "2026-01-31T10:00:00.500Z", "duration": "90s", "mask": "a_string,child.color", "times": []any{"1970-01-01T00:00:00Z"}},
	},
	{
		"times and masks by their fields",
		fields{"time": fields{"seconds": int64(1)}, "duration": fields{"nanos": int64(-1)}, "mask": fields{"paths": []any{"a"}}},
		`{"time":"1970-01-01T00:00:01Z","duration":"-0.000000001s","mask":"a"}`,
		fields{"time": "1970-01-01T00:00:01Z", "duration": "-0.000000001s", "mask": "a"},
	},
	{
		"JSON values",
		fields{
			"fields": fields{"a": []any{int64(1), "x", nil}, "b": fields{"c": true}}, "value": nil, "values": []any{1.5, fields{"d": "e"}},
			"value_by_name": fields{"n": nil, "l": []any{int64(1)}},
		},
		`{"fields":{"a":[1,"x",null],"b":{"c":true}},"value":null,"values":[1.5,{"d":"e"}],"value_by_name":{"l":[1],"n":null}}`,
		fields{
			"fields": fields{"a": []any{1.0, "x", nil}, "b": fields{"c": true}}, "value": nil, "values": []any{1.5, fields{"d": "e"}},
			"value_by_name": fields{"n": nil, "l": []any{1.0}},
		},
	},
	{
		"wrappers",
		fields{"wrapped_bool": false, "wrapped_int64": "9223372036854775807", "wrapped_uint64": int64(0), "wrapped_string": "", "wrapped_bytes": "\xff"},
		`{"wrapped_bool":false,"wrapped_int64":"9223372036854775807","wrapped_uint64":"0","wrapped_string":"","wrapped_bytes":"/w=="}`,
		fields{"wrapped_bool": false, "wrapped_int64": int64(math.MaxInt64), "wrapped_uint64": uint64(0), "wrapped_string": "", "wrapped_bytes": []byte("\xff")},
	},
	{
		"what an Any holds",
		fields{"any": fields{"@type": "type.googleapis.com/topas.test.Label", "text": "x"}, "details": []any{
			fields{"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"},
			fields{"@type": "type.googleapis.com/google.protobuf.Any", "value": fields{"@type": "type.googleapis.com/google.protobuf.Empty"}},
			fields{"@type": "type.googleapis.com/google.protobuf.Struct", "value": fields{"value": int64(1), "@type": "x"}},
		}},
		`{"any":{"@type":"type.googleapis.com/topas.test.Label","text":"x"},"details":[
			{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"},
			{"@type":"type.googleapis.com/google.protobuf.Any","value":{"@type":"type.googleapis.com/google.protobuf.Empty"}},
			{"@type":"type.googleapis.com/google.protobuf.Struct","value":{"@type":"x","value":1}}]}`,
		fields{"any": fields{"@type": "type.googleapis.com/topas.test.Label", "text": "x"}, "details": []any{
			fields{"@type": "type.googleapis.com/google.protobuf.Duration", "value": "1s"},
			fields{"@type": "type.googleapis.com/google.protobuf.Any", "value": fields{"@type": "type.googleapis.com/google.protobuf.Empty"}},
			fields{"@type": "type.googleapis.com/google.protobuf.Struct", "value": fields{"value": 1.0, "@type": "x"}},
		}},
	},
	{
		"extensions, also of files that nothing imports",
		fields{"extended": fields{
			"id": int64(1), "Part": fields{"size": int64(2)}, "[topas.test.weight]": "9007199254740993",
			"[topas.test.parts]": []any{fields{"id": int64(2)}}, "[topas.test.Label.label]": fields{"text": "x"},
		}},
		`{"extended":{"id":1,"Part":{"size":2},"[topas.test.weight]":"9007199254740993","[topas.test.parts]":[{"id":2}],"[topas.test.Label.label]":{"text":"x"}}}`,
		fields{"extended": fields{
			"id": int32(1), "Part": fields{"size": int32(2)}, "[topas.test.weight]": int64(9007199254740993),
			"[topas.test.parts]": []any{fields{"id": int32(2)}}, "[topas.test.Label.label]": fields{"text": "x"},
		}},
	},
}

// kinds is a message of the type Kinds as it comes back.
func kinds(set fields) fields {
	message := fields{
		"a_bool": false, "an_int32": int32(0), "a_sint32": int32(0), "a_sfixed32": int32(0), "a_uint32": uint32(0), "a_fixed32": uint32(0),
		"an_int64": int64(0), "a_sint64": int64(0), "a_sfixed64": int64(0), "a_uint64": uint64(0), "a_fixed64": uint64(0),
		"a_float": 0.0, "a_double": 0.0, "a_string": "", "some_bytes": []byte{}, "color": "COLOR_UNSPECIFIED",
		"numbers": []any{}, "colors": []any{}, "blobs": []any{}, "children": []any{}, "by_name": fields{}, "by_number": fields{},
		"by_flag": fields{}, "by_large_number": fields{}, "details": []any{}, "times": []any{}, "value_by_name": fields{},
	}
	for name, value := range set {
		message[name] = value
	}
	return message
}

func TestAllKindsBothWays(t *testing.T) {
	server := nettest.Start(t, nettest.Both)
	client := newTestClient(t, app{"echo": server.Address})
	for _, c := range kindsCases {
		t.Run(c.reason, func(t *testing.T) {
			reply, err := client.Invoke(t.Context(), Call{Target: "echo", Method: nettest.Service + "/Unary", Message: c.send})
			if err != nil {
				t.Fatal(err)
			}
			seen, err := server.JSON(server.Received())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parsed(t, c.seen), parsed(t, seen)); diff != "" {
				t.Errorf("the server saw (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(kinds(c.want), reply.Message, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func parsed(t *testing.T, text string) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}

func TestWrongValues(t *testing.T) {
	server := nettest.Start(t, nettest.Both)
	client := newTestClient(t, app{"echo": server.Address})
	cases := []struct {
		reason string
		send   any
		want   string
	}{
		{"no fields at all", "x", `want the fields of Kinds, got the string "x"`},
		{"a number that is too large", fields{"an_int32": int64(1) << 31}, "an_int32: want a whole number (int32), got the number 2147483648"},
		{"a negative number", fields{"a_uint64": int64(-1)}, "a_uint64: want a whole number (uint64), got the number -1"},
		{"a fraction", fields{"numbers": []any{int64(1), 1.5}}, "numbers[2]: want a whole number (int64), got the number 1.5"},
		{"a number that has lost digits", fields{"an_int64": 9007199254740994.0},
			"an_int64: want a whole number (int64), as a string of its digits if it is beyond 2^53, where numbers are not exact, got the number 9.007199254740994e+15"},
		{"a float that is too large", fields{"a_float": 1e300}, "a_float: want a number (float), got the number 1e+300"},
		{"no text", fields{"a_string": int64(1)}, "a_string: want a string, got the number 1"},
		{"text that is none", fields{"a_string": "\xff"}, "field topas.test.Kinds.a_string contains invalid UTF-8"},
		{"an enum that is unknown", fields{"child": fields{"color": "GREEN"}},
			`child.color: want a value of Color (BLUE, COLOR_UNSPECIFIED, RED), got the string "GREEN"`},
		{"two of a oneof", fields{"text": "a", "number": int64(1)}, `fields "number" and "text" exclude each other`},
		{"a field twice", fields{"a_bool": true, "aBool": true}, `fields "aBool" and "a_bool" exclude each other`},
		{"no list", fields{"numbers": int64(1)}, "numbers: want a list, got the number 1"},
		{"no map", fields{"by_name": []any{int64(1)}}, "by_name: want a map, got a list"},
		{"a key that is wrong", fields{"by_number": fields{"x": "y"}}, `the key of by_number.x: want a whole number (int32), got the string "x"`},
		{"null in a list", fields{"children": []any{nil}}, "children[1]: want the fields of Kinds, got null"},
		{"no time", fields{"time": "yesterday"}, `time: want a time such as "2026-01-31T10:00:00Z", got the string "yesterday"`},
		{"no duration", fields{"duration": int64(5)}, `duration: want a duration such as "1.5s" or "2m", got the number 5`},
		{"an Any of an unknown type", fields{"any": fields{"@type": "x/topas.test.Nope", "a": int64(1)}}, `any.@type: no message type "x/topas.test.Nope" is known`},
		{"an unknown field of what an Any holds", fields{"any": fields{"@type": "x/topas.test.Label", "txt": "a"}}, `unknown field "any.txt": Label has text`},
		{"a required field that is missing", fields{"extended": fields{"name": "x"}}, "required field topas.test.Extended.id not set"},
		{"an extension of another message", fields{"[topas.test.weight]": int64(1)}, `unknown field "[topas.test.weight]": Kinds has `},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			reply, err := client.Invoke(t.Context(), Call{Target: "echo", Method: nettest.Service + "/Unary", Message: c.send})
			want := "gRPC echo topas.test.Echo/Unary (" + server.Address + "): the request topas.test.Kinds: " + c.want
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("Invoke gave %v and the error\n%v, want\n%s", reply, err, want)
			}
		})
	}
}

// TestSchemas calls servers that tell of themselves in different ways, or not at all.
func TestSchemas(t *testing.T) {
	protoset, err := NewProtosetSchema(nettest.Protoset(t))
	if err != nil {
		t.Fatal(err)
	}
	protos, err := NewProtoSchema([]string{"kinds.proto", "weights.proto"}, nettest.Open)
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		reason string
		how    nettest.Reflection
		schema *Schema
	}{
		{"reflection v1", nettest.V1, nil},
		{"reflection v1alpha", nettest.V1Alpha, nil},
		{"a protoset", nettest.None, protoset},
		{".proto files", nettest.None, protos},
	}
	message := fields{"extended": fields{"id": int64(1), "[topas.test.weight]": int64(2)}, "any": fields{"@type": "x/topas.test.Label", "text": "x"}}
	want := kinds(fields{"extended": fields{"id": int32(1), "[topas.test.weight]": int64(2)}, "any": fields{"@type": "x/topas.test.Label", "text": "x"}})
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			server := nettest.Start(t, c.how)
			client := newTestClient(t, app{"echo": server.Address})
			reply, err := client.Invoke(t.Context(), Call{Target: "echo", Method: nettest.Service + "/Unary", Message: message, Schema: c.schema})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, reply.Message, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
			reply, err = client.Invoke(t.Context(), Call{Target: "echo", Method: nettest.Service + "/Wrapped", Message: "9007199254740993", Schema: c.schema})
			if err != nil || reply.Message != int64(9007199254740993) {
				t.Errorf("a message that is a wrapper gave %v, %v", reply, err)
			}
		})
	}
	client := newTestClient(t, app{"echo": nettest.Start(t, nettest.None).Address})
	_, err = client.Invoke(t.Context(), Call{Target: "echo", Method: "topas.Nope/Unary", Schema: protos})
	if err == nil || !strings.HasSuffix(err.Error(), `: the files have no service "topas.Nope": they have topas.test.Echo`) {
		t.Errorf("a service that is not in the files gave %v", err)
	}
}

func TestDetailsOfAStatus(t *testing.T) {
	server := nettest.Start(t, nettest.Both)
	client := newTestClient(t, app{"echo": server.Address})
	details := []any{
		fields{"@type": "type.googleapis.com/google.rpc.BadRequest", "field_violations": []any{fields{"field": "name", "description": "too long"}}},
		fields{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retry_delay": "1.500s"},
		fields{"@type": "x/topas.test.Label", "text": "own"},
	}
	_, err := client.Invoke(t.Context(), Call{Target: "echo", Method: nettest.Service + "/Refuse", Message: fields{"details": details}})
	refused, ok := err.(*StatusError) //nolint:errorlint // a status is not wrapped
	if !ok {
		t.Fatalf("Invoke gave %v, want a *StatusError", err)
	}
	want := []any{
		fields{"@type": "type.googleapis.com/google.rpc.BadRequest", "field_violations": []any{
			fields{"field": "name", "description": "too long", "reason": ""},
		}},
		details[1], details[2],
	}
	if diff := cmp.Diff(want, refused.Reply.Details); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
	if want := `echo topas.test.Echo/Refuse: INVALID_ARGUMENT: refused {"@type":"type.googleapis.com/google.rpc.BadRequest",`; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %s, want %s...", err, want)
	}
}

// TestUnknownAny holds on to what nobody can read.
func TestUnknownAny(t *testing.T) {
	server := nettest.Start(t, nettest.Both)
	client := newTestClient(t, app{"echo": server.Address})
	reply, err := client.Invoke(t.Context(), Call{Target: "echo", Method: nettest.Service + "/Unary", Message: fields{
		"details": []any{
			fields{"type_url": "x/topas.Nope", "value": "\xff"}, fields{"type_url": "x/topas.test.Label", "value": "\xff"},
			fields{"type_url": "no name", "value": ""}, fields{},
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []any{
		fields{"type_url": "x/topas.Nope", "value": []byte("\xff")}, fields{"type_url": "x/topas.test.Label", "value": []byte("\xff")},
		fields{"type_url": "no name", "value": []byte{}}, fields{"type_url": "", "value": []byte{}},
	}
	got := reply.Message.(fields)["details"]
	if diff := cmp.Diff(any(want), got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
}

func TestResponsesThatCannotBeRead(t *testing.T) {
	server := nettest.Start(t, nettest.Both)
	client := newTestClient(t, app{"echo": server.Address})
	cases := []struct{ reason, bytes, want string }{
		{"it breaks off", "\x0a", "cannot parse invalid wire-format data"},
		{"text that is none", "\x72\x01\xff", "field topas.test.Kinds.a_string contains invalid UTF-8"},
		{"an entry of a map that package proto panics at", "\xda\x01\x08\b\x01\n\x000000", ""},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			_, err := client.Invoke(t.Context(), Call{Target: "echo", Method: nettest.Service + "/Decode", Message: c.bytes})
			want := "gRPC echo topas.test.Echo/Decode (" + server.Address + "): the response can't be read as a topas.test.Kinds: " + c.want
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("Invoke gave %v, want %s", err, want)
			}
		})
	}
}
