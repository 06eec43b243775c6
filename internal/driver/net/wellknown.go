/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Names of fields that stand for no field of a message.
const (
	// typeField is the type that an Any holds.
	typeField = "@type"
	// valueField is what an Any holds that is no set of fields, and the field of the wrappers.
	valueField = "value"
)

// fillWellKnown sets a message that has a mapping of its own. It is not done for other messages, and for fields that
// are given by name.
func (t types) fillWellKnown(path string, message protoreflect.Message, value any) (done bool, err error) {
	kind := message.Descriptor()
	if kind.ParentFile().Package() != "google.protobuf" {
		return false, nil
	}
	fields, byName := value.(map[string]any)
	switch kind.Name() {
	case "Any":
		if _, typed := fields[typeField]; !typed {
			return false, nil
		}
		return true, t.fillAny(path, message, fields)
	case "Struct":
		return true, t.set(path, message, kind.Fields().ByName("fields"), value)
	case "ListValue":
		return true, t.set(path, message, kind.Fields().ByName("values"), value)
	case "Value":
		return true, t.fillValue(path, message, value)
	}
	if byName {
		return false, nil
	}
	switch kind.Name() {
	case "Timestamp":
		return true, fillText(path, `a time such as "2026-01-31T10:00:00Z"`, message, value)
	case "Duration":
		return true, fillDuration(path, message, value)
	case "FieldMask":
		return true, t.fillMask(path, message, value)
	}
	if isWrapper(kind) {
		return true, t.set(path, message, kind.Fields().ByName(valueField), value)
	}
	return false, nil
}

func isWrapper(kind protoreflect.MessageDescriptor) bool {
	switch kind.FullName() {
	case "google.protobuf.BoolValue", "google.protobuf.BytesValue", "google.protobuf.DoubleValue", "google.protobuf.FloatValue",
		"google.protobuf.Int32Value", "google.protobuf.Int64Value", "google.protobuf.StringValue",
		"google.protobuf.UInt32Value", "google.protobuf.UInt64Value":
		return true
	}
	return false
}

// fillText sets a message by the text that the JSON mapping has for it.
func fillText(path, want string, message protoreflect.Message, value any) error {
	text, ok := value.(string)
	if !ok || protojson.Unmarshal([]byte(strconv.Quote(text)), message.Interface()) != nil {
		return wrong(path, want, value)
	}
	return nil
}

// fillDuration takes also what the options of modules take, such as "1m30s".
func fillDuration(path string, message protoreflect.Message, value any) error {
	const want = `a duration such as "1.5s" or "2m"`
	text, ok := value.(string)
	if duration, err := time.ParseDuration(text); ok && err == nil {
		value = strings.Trim(protojson.Format(durationpb.New(duration)), `"`)
	}
	return fillText(path, want, message, value)
}

func (t types) fillMask(path string, message protoreflect.Message, value any) error {
	text, ok := value.(string)
	if !ok {
		return wrong(path, `the names of fields such as "name,address.city"`, value)
	}
	var paths []any
	for name := range strings.SplitSeq(text, ",") {
		if name != "" {
			paths = append(paths, name)
		}
	}
	return t.set(path, message, message.Descriptor().Fields().ByName("paths"), paths)
}

// fillValue sets a google.protobuf.Value, which may be anything.
func (t types) fillValue(path string, message protoreflect.Message, value any) error {
	name := protoreflect.Name("null_value")
	switch v := value.(type) {
	case nil:
		value = int64(0)
	case bool:
		name = "bool_value"
	case int64, float64:
		name = "number_value"
	case string:
		name = "string_value"
	case []any:
		name = "list_value"
	case map[string]any:
		name = "struct_value"
	default:
		return wrong(path, "a value", v)
	}
	return t.set(path, message, message.Descriptor().Fields().ByName(name), value)
}

// fillAny sets an Any from the fields of the message that it holds, or from its "value" if that has a mapping of its own.
func (t types) fillAny(path string, message protoreflect.Message, fields map[string]any) error {
	url, ok := fields[typeField].(string)
	if !ok {
		return wrong(inside(path, typeField), `a type such as "type.googleapis.com/package.Message"`, fields[typeField])
	}
	held, err := t.held(url)
	if err != nil {
		return err
	}
	if held == nil {
		return fmt.Errorf("%s: no message type %q is known", inside(path, typeField), url)
	}
	var content any = without(fields, typeField)
	if hasMapping(held.Descriptor()) {
		content = fields[valueField]
	}
	if err := t.fill(path, held, content); err != nil {
		return err
	}
	encoded, err := proto.Marshal(held)
	if err != nil {
		return fmt.Errorf("%s: %s", path, withoutPlace(err))
	}
	kind := message.Descriptor().Fields()
	message.Set(kind.ByName("type_url"), protoreflect.ValueOfString(url))
	message.Set(kind.ByName("value"), protoreflect.ValueOfBytes(encoded))
	return nil
}

func without(fields map[string]any, name string) map[string]any {
	rest := make(map[string]any, len(fields))
	for other, value := range fields {
		if other != name {
			rest[other] = value
		}
	}
	return rest
}

// held is an empty message of the type that a URL names, nil if nobody knows the type.
func (t types) held(url string) (*dynamicpb.Message, error) {
	name := protoreflect.FullName(url[strings.LastIndexByte(url, '/')+1:])
	if !name.IsValid() {
		return nil, nil
	}
	kind, err := t.message(name)
	if kind == nil || err != nil {
		return nil, err
	}
	return dynamicpb.NewMessage(kind), nil
}

// hasMapping tells that a message is not mapped by its fields.
func hasMapping(kind protoreflect.MessageDescriptor) bool {
	switch kind.FullName() {
	case "google.protobuf.Any", "google.protobuf.Struct", "google.protobuf.ListValue", "google.protobuf.Value",
		"google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.FieldMask":
		return true
	}
	return isWrapper(kind)
}
