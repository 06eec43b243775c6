/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// encode makes the bytes of a message from its fields, see Call.Message. Nil is a message without fields.
func (t types) encode(kind protoreflect.MessageDescriptor, fields any) (frame, error) {
	message := dynamicpb.NewMessage(kind)
	if fields != nil {
		if err := t.fill("", message, fields); err != nil {
			return nil, fmt.Errorf("the request %s: %w", kind.FullName(), err)
		}
	}
	encoded, err := proto.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("the request %s: %s", kind.FullName(), withoutPlace(err))
	}
	return encoded, nil
}

// withoutPlace is an error of the package proto without its prefix, which has a space that changes on purpose.
func withoutPlace(err error) string {
	return strings.TrimLeft(strings.TrimPrefix(err.Error(), "proto:"), " \u00a0")
}

// fill sets the fields of a message from a value.
func (t types) fill(path string, message protoreflect.Message, value any) error {
	if done, err := t.fillWellKnown(path, message, value); done || err != nil {
		return err
	}
	kind := message.Descriptor()
	fields, ok := value.(map[string]any)
	if !ok {
		return wrong(path, fmt.Sprintf("the fields of %s", kind.Name()), value)
	}
	set := make(map[protoreflect.FullName]string, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		place := inside(path, name)
		field, err := t.field(kind, name)
		if err != nil {
			return err
		}
		if field == nil {
			return fmt.Errorf("unknown field %q: %s has %s", place, kind.Name(), list(fieldNames(kind)))
		}
		if fields[name] == nil && !takesNull(field) {
			continue
		}
		if other, twice := set[exclusion(field)]; twice {
			return fmt.Errorf("fields %q and %q exclude each other", inside(path, other), place)
		}
		set[exclusion(field)] = name
		if err := t.set(place, message, field, fields[name]); err != nil {
			return err
		}
	}
	return nil
}

func inside(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// exclusion is what only one of several names can set: a field, or the oneof that it is in.
func exclusion(field protoreflect.FieldDescriptor) protoreflect.FullName {
	if oneof := field.ContainingOneof(); oneof != nil && !oneof.IsSynthetic() {
		return oneof.FullName()
	}
	return field.FullName()
}

// takesNull tells that null is a value of the field, and not its absence.
func takesNull(field protoreflect.FieldDescriptor) bool {
	return field.Cardinality() != protoreflect.Repeated && field.Message() != nil && field.Message().FullName() == "google.protobuf.Value"
}

// field finds a field by its name in the .proto file, its JSON name, or as "[package.extension]".
func (t types) field(kind protoreflect.MessageDescriptor, name string) (protoreflect.FieldDescriptor, error) {
	if field := kind.Fields().ByTextName(name); field != nil {
		return field, nil
	}
	if field := kind.Fields().ByJSONName(name); field != nil {
		return field, nil
	}
	extension, ok := strings.CutPrefix(name, "[")
	if !ok || !strings.HasSuffix(name, "]") {
		return nil, nil
	}
	found, err := t.schema.find(t.ctx, protoreflect.FullName(strings.TrimSuffix(extension, "]")))
	if err != nil {
		return nil, err
	}
	described, ok := found.(protoreflect.ExtensionDescriptor)
	if !ok || !described.IsExtension() || described.ContainingMessage().FullName() != kind.FullName() {
		return nil, nil
	}
	return dynamicpb.NewExtensionType(described).TypeDescriptor(), nil
}

func fieldNames(kind protoreflect.MessageDescriptor) []string {
	var names []string
	for i := range kind.Fields().Len() {
		names = append(names, kind.Fields().Get(i).TextName())
	}
	return names
}

func (t types) set(path string, message protoreflect.Message, field protoreflect.FieldDescriptor, value any) error {
	switch {
	case field.IsList():
		return t.setList(path, message.Mutable(field).List(), field, value)
	case field.IsMap():
		return t.setMap(path, message.Mutable(field).Map(), field, value)
	case field.Message() != nil:
		return t.fill(path, message.Mutable(field).Message(), value)
	}
	converted, err := scalar(path, field, value)
	if err != nil {
		return err
	}
	message.Set(field, converted)
	return nil
}

func (t types) setList(path string, into protoreflect.List, field protoreflect.FieldDescriptor, value any) error {
	items, ok := value.([]any)
	if fields, empty := value.(map[string]any); !ok && (!empty || len(fields) > 0) {
		return wrong(path, "a list", value)
	}
	for i, item := range items {
		converted, err := t.element(fmt.Sprintf("%s[%d]", path, i+1), field, into.NewElement, item)
		if err != nil {
			return err
		}
		into.Append(converted)
	}
	return nil
}

func (t types) setMap(path string, into protoreflect.Map, field protoreflect.FieldDescriptor, value any) error {
	entries, ok := value.(map[string]any)
	// A list is a map whose keys happen to be 1 to n.
	if items, isList := value.([]any); isList && field.MapKey().Kind() != protoreflect.StringKind {
		entries, ok = make(map[string]any, len(items)), true
		for i, item := range items {
			entries[strconv.Itoa(i+1)] = item
		}
	}
	if !ok {
		return wrong(path, "a map", value)
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		place := inside(path, name)
		key, err := mapKey(place, field.MapKey(), name)
		if err != nil {
			return err
		}
		converted, err := t.element(place, field.MapValue(), into.NewValue, entries[name])
		if err != nil {
			return err
		}
		into.Set(key, converted)
	}
	return nil
}

// element makes an item of a list or the value of a map's entry.
func (t types) element(path string, field protoreflect.FieldDescriptor, make func() protoreflect.Value, value any) (protoreflect.Value, error) {
	if field.Message() == nil {
		return scalar(path, field, value)
	}
	made := make()
	return made, t.fill(path, made.Message(), value)
}

func mapKey(path string, field protoreflect.FieldDescriptor, name string) (protoreflect.MapKey, error) {
	var value any = name
	if field.Kind() == protoreflect.BoolKind && (name == "true" || name == "false") {
		value = name == "true"
	}
	key, err := scalar(path, field, value)
	if err != nil {
		return protoreflect.MapKey{}, fmt.Errorf("the key of %w", err)
	}
	return key.MapKey(), nil
}

// wrong says that the value at a path is of the wrong type.
func wrong(path, want string, value any) error {
	text := fmt.Sprintf("want %s, got %s", want, given(value))
	if path == "" {
		return errors.New(text)
	}
	return fmt.Errorf("%s: %s", path, text)
}

func given(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		const most = 60
		if len(v) > most {
			v = v[:most] + "..."
		}
		return fmt.Sprintf("the string %q", v)
	case int64, float64:
		return fmt.Sprintf("the number %v", v)
	case []any:
		return "a list"
	case map[string]any:
		return "a table with fields"
	}
	return fmt.Sprint(value)
}
