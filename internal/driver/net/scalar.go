/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// scalar makes the value of a field that is neither a message nor a list nor a map.
func scalar(path string, field protoreflect.FieldDescriptor, value any) (protoreflect.Value, error) {
	var made any
	ok := false
	switch kind := field.Kind(); kind {
	case protoreflect.BoolKind:
		made, ok = value.(bool)
	case protoreflect.StringKind:
		made, ok = value.(string)
	case protoreflect.BytesKind:
		text, is := value.(string)
		made, ok = []byte(text), is
	case protoreflect.EnumKind:
		return enum(path, field.Enum(), value)
	case protoreflect.DoubleKind:
		made, ok = float(value)
	case protoreflect.FloatKind:
		wide, is := float(value)
		made, ok = float32(wide), is && (math.IsInf(wide, 0) || !math.IsInf(float64(float32(wide)), 0))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		number, err := strconv.ParseInt(digits(value), 10, 32)
		made, ok = int32(number), err == nil
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		number, err := strconv.ParseInt(digits(value), 10, 64)
		made, ok = number, err == nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		number, err := strconv.ParseUint(digits(value), 10, 32)
		made, ok = uint32(number), err == nil
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		number, err := strconv.ParseUint(digits(value), 10, 64)
		made, ok = number, err == nil
	}
	if !ok {
		return protoreflect.Value{}, wrong(path, wanted(field.Kind(), value), value)
	}
	return protoreflect.ValueOf(made), nil
}

// float takes a number.
func float(value any) (float64, bool) {
	switch v := value.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	}
	return 0, false
}

// digits are those of a whole number, which may be a string. There are none for a float: a fraction has no place in an
// integer, and a whole number that is given as a float is so large that it may have lost its last digits.
func digits(value any) string {
	switch v := value.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case string:
		return v
	}
	return ""
}

func wanted(kind protoreflect.Kind, value any) string {
	switch kind {
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.StringKind, protoreflect.BytesKind:
		return "a string"
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return fmt.Sprintf("a number (%s)", kind)
	}
	if number, ok := value.(float64); ok && number == math.Trunc(number) {
		return fmt.Sprintf("a whole number (%s), as a string of its digits if it is beyond 2^53, where numbers are not exact", kind)
	}
	return fmt.Sprintf("a whole number (%s)", kind)
}

// enum takes a name or a number, which need not have a name.
func enum(path string, kind protoreflect.EnumDescriptor, value any) (protoreflect.Value, error) {
	if name, ok := value.(string); ok {
		if known := kind.Values().ByName(protoreflect.Name(name)); known != nil {
			return protoreflect.ValueOfEnum(known.Number()), nil
		}
	}
	if number, ok := value.(int64); ok && number == int64(int32(number)) {
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(number)), nil
	}
	var names []string
	for i := range kind.Values().Len() {
		names = append(names, string(kind.Values().Get(i).Name()))
	}
	return protoreflect.Value{}, wrong(path, fmt.Sprintf("a value of %s (%s)", kind.Name(), list(names)), value)
}
