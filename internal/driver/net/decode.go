/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// maxHeld bounds how deep messages of type Any that hold each other are unpacked.
const maxHeld = 16

// decoder makes values of messages, see Reply.Message.
type decoder struct {
	types
	// held is inside of how many messages of type Any the decoder is.
	held int
}

// decode reads a message.
func (t types) decode(kind protoreflect.MessageDescriptor, encoded frame) (any, error) {
	message := dynamicpb.NewMessage(kind)
	if err := t.unmarshal(encoded, message); err != nil {
		return nil, fmt.Errorf("the response can't be read as a %s: %s", kind.FullName(), withoutPlace(err))
	}
	return decoder{types: t}.message(message), nil
}

// unmarshal turns a panic into an error: package proto has one for an entry of a map whose key has the wrong wire type.
func (t types) unmarshal(encoded []byte, message proto.Message) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("%v", caught)
		}
	}()
	return proto.UnmarshalOptions{Resolver: t, AllowPartial: true}.Unmarshal(encoded, message)
}

// fields are those of a message by name. Those without a value have their default, unless absence is a value of its own.
func (d decoder) fields(message protoreflect.Message) map[string]any {
	kind := message.Descriptor().Fields()
	fields := make(map[string]any, kind.Len())
	for i := range kind.Len() {
		field := kind.Get(i)
		if !field.HasPresence() || message.Has(field) {
			fields[field.TextName()] = d.field(field, message.Get(field))
		}
	}
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.IsExtension() {
			fields[field.TextName()] = d.field(field, value)
		}
		return true
	})
	return fields
}

func (d decoder) field(field protoreflect.FieldDescriptor, value protoreflect.Value) any {
	switch {
	case field.IsList():
		items := make([]any, value.List().Len())
		for i := range items {
			items[i] = d.single(field, value.List().Get(i))
		}
		return items
	case field.IsMap():
		entries := make(map[string]any, value.Map().Len())
		value.Map().Range(func(key protoreflect.MapKey, entry protoreflect.Value) bool {
			entries[key.String()] = d.single(field.MapValue(), entry)
			return true
		})
		return entries
	}
	return d.single(field, value)
}

func (d decoder) single(field protoreflect.FieldDescriptor, value protoreflect.Value) any {
	switch field.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return d.message(value.Message())
	case protoreflect.EnumKind:
		if known := field.Enum().Values().ByNumber(value.Enum()); known != nil {
			return string(known.Name())
		}
		return int64(value.Enum())
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

func (d decoder) message(message protoreflect.Message) any {
	kind := message.Descriptor()
	if !hasMapping(kind) {
		return d.fields(message)
	}
	fields := kind.Fields()
	switch kind.Name() {
	case "Any":
		return d.any(message)
	case "Struct":
		return d.field(fields.ByName("fields"), message.Get(fields.ByName("fields")))
	case "ListValue":
		return d.field(fields.ByName("values"), message.Get(fields.ByName("values")))
	case "Value":
		return d.value(message)
	case "Timestamp", "Duration":
		return d.text(message)
	case "FieldMask":
		return d.mask(message)
	}
	return d.single(fields.ByName(valueField), message.Get(fields.ByName(valueField)))
}

// value is what a google.protobuf.Value holds.
func (d decoder) value(message protoreflect.Message) any {
	field := message.WhichOneof(message.Descriptor().Oneofs().ByName("kind"))
	if field == nil || field.Name() == "null_value" {
		return nil
	}
	return d.single(field, message.Get(field))
}

// text is a message as the text that the JSON mapping has for it. It is given by its fields if it has none, as a year
// beyond 9999.
func (d decoder) text(message protoreflect.Message) any {
	encoded, err := protojson.Marshal(message.Interface())
	if err != nil {
		return d.fields(message)
	}
	return strings.Trim(string(encoded), `"`)
}

func (d decoder) mask(message protoreflect.Message) any {
	fields := d.fields(message)
	var paths []string
	for _, path := range fields["paths"].([]any) {
		paths = append(paths, path.(string))
	}
	if slices.ContainsFunc(paths, func(p string) bool { return p == "" || strings.Contains(p, ",") }) {
		return fields
	}
	return strings.Join(paths, ",")
}

// any is what an Any holds: the fields of the message, or its "value" if it has a mapping of its own, beside "@type". A
// message that can't be read is left in its bytes.
func (d decoder) any(message protoreflect.Message) any {
	if d.held >= maxHeld {
		return d.fields(message)
	}
	kind := message.Descriptor().Fields()
	url := message.Get(kind.ByName("type_url")).String()
	held, err := d.types.held(url)
	if err != nil || held == nil || d.unmarshal(message.Get(kind.ByName("value")).Bytes(), held) != nil {
		return d.fields(message)
	}
	content := decoder{types: d.types, held: d.held + 1}.message(held)
	if hasMapping(held.Descriptor()) {
		return map[string]any{typeField: url, valueField: content}
	}
	fields := content.(map[string]any)
	fields[typeField] = url
	return fields
}
