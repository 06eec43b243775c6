/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// newMessage makes a message of a type from its fields.
func newMessage(kind protoreflect.MessageDescriptor, fields any) (*dynamicpb.Message, error) {
	message := dynamicpb.NewMessage(kind)
	if fields == nil {
		return message, nil
	}
	checked, err := checkMessage("", kind, fields)
	if err != nil {
		return nil, fmt.Errorf("the request %s: %w", kind.FullName(), err)
	}
	encoded, err := json.Marshal(checked)
	if err != nil {
		return nil, fmt.Errorf("the request %s: %w", kind.FullName(), err)
	}
	if err := protojson.Unmarshal(encoded, message); err != nil {
		return nil, fmt.Errorf("the request %s: %s", kind.FullName(), withoutPlace(err))
	}
	return message, nil
}

// place is where protojson found something in text that the caller never saw.
var place = regexp.MustCompile(`^proto:[\s\x{a0}]*(?:syntax error )?(?:\(line \d+:\d+\):[\s\x{a0}]*)?`)

func withoutPlace(err error) string {
	return place.ReplaceAllString(err.Error(), "")
}

// checkMessage finds unknown fields, and makes an empty map a list where the field is one.
func checkMessage(path string, kind protoreflect.MessageDescriptor, value any) (any, error) {
	fields, ok := value.(map[string]any)
	if !ok || isWellKnown(kind) {
		return value, nil
	}
	checked := make(map[string]any, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		field := fieldByName(kind, name)
		if field == nil {
			return nil, fmt.Errorf("unknown field %q: %s has %s", path+name, kind.Name(), list(fieldNames(kind)))
		}
		var err error
		if checked[name], err = checkField(path+name, field, fields[name]); err != nil {
			return nil, err
		}
	}
	return checked, nil
}

func checkField(path string, field protoreflect.FieldDescriptor, value any) (any, error) {
	entries, isMap := value.(map[string]any)
	switch {
	case field.IsList() && isMap && len(entries) == 0:
		return []any{}, nil
	case field.IsMap() && isMap && field.MapValue().Message() != nil:
		return checkEach(maps.Clone(entries), func(name string, entry any) (any, error) {
			return checkMessage(path+"."+name+".", field.MapValue().Message(), entry)
		})
	case field.Message() == nil || field.IsMap():
		return value, nil
	}
	items, isList := value.([]any)
	if !isList {
		return checkMessage(path+".", field.Message(), value)
	}
	checked := make([]any, len(items))
	for i, item := range items {
		var err error
		if checked[i], err = checkMessage(fmt.Sprintf("%s[%d].", path, i+1), field.Message(), item); err != nil {
			return nil, err
		}
	}
	return checked, nil
}

func checkEach(entries map[string]any, check func(name string, entry any) (any, error)) (any, error) {
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		var err error
		if entries[name], err = check(name, entries[name]); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

func fieldByName(kind protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if field := kind.Fields().ByTextName(name); field != nil {
		return field
	}
	return kind.Fields().ByJSONName(name)
}

func fieldNames(kind protoreflect.MessageDescriptor) []string {
	var names []string
	for i := range kind.Fields().Len() {
		names = append(names, kind.Fields().Get(i).TextName())
	}
	return names
}

// isWellKnown tells that a type has a JSON mapping of its own, such as Timestamp and Struct. Any is not among them: its
// mapping needs the type that it holds.
func isWellKnown(kind protoreflect.MessageDescriptor) bool {
	return strings.HasPrefix(string(kind.FullName()), "google.protobuf.") && kind.FullName() != "google.protobuf.Any" &&
		kind.FullName() != "google.protobuf.Empty"
}

// messageFields is a message as a map, see Reply.
func messageFields(message protoreflect.Message) map[string]any {
	kind := message.Descriptor().Fields()
	fields := make(map[string]any, kind.Len())
	for i := range kind.Len() {
		field := kind.Get(i)
		if !field.HasPresence() || message.Has(field) {
			fields[field.TextName()] = fieldValue(field, message.Get(field))
		}
	}
	return fields
}

func fieldValue(field protoreflect.FieldDescriptor, value protoreflect.Value) any {
	switch {
	case field.IsList():
		items := make([]any, value.List().Len())
		for i := range items {
			items[i] = singleValue(field, value.List().Get(i))
		}
		return items
	case field.IsMap():
		entries := make(map[string]any, value.Map().Len())
		value.Map().Range(func(key protoreflect.MapKey, entry protoreflect.Value) bool {
			entries[key.String()] = singleValue(field.MapValue(), entry)
			return true
		})
		return entries
	}
	return singleValue(field, value)
}

func singleValue(field protoreflect.FieldDescriptor, value protoreflect.Value) any {
	switch field.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return messageValue(value.Message())
	case protoreflect.EnumKind:
		if known := field.Enum().Values().ByNumber(value.Enum()); known != nil {
			return string(known.Name())
		}
		return int64(value.Enum())
	case protoreflect.BytesKind:
		return base64.StdEncoding.EncodeToString(value.Bytes())
	case protoreflect.FloatKind:
		// By way of its shortest digits, so that 0.1 stays 0.1.
		widened, err := strconv.ParseFloat(strconv.FormatFloat(value.Float(), 'g', -1, 32), 64)
		if err != nil {
			return value.Float()
		}
		return widened
	}
	return value.Interface()
}

func messageValue(message protoreflect.Message) any {
	if !isWellKnown(message.Descriptor()) {
		return messageFields(message)
	}
	var decoded any
	encoded, err := protojson.Marshal(message.Interface())
	if err == nil {
		err = json.Unmarshal(encoded, &decoded)
	}
	if err != nil {
		// A value that its JSON mapping does not allow, such as a year beyond 9999.
		return messageFields(message)
	}
	return decoded
}
