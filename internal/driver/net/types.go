/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"context"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	// The usual details of a status.
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"
)

// types finds message types and extensions by a schema while a call lasts.
type types struct {
	ctx    context.Context
	schema *Schema
}

// message returns a message type, nil if there is none. Google's own types are known without asking anybody.
func (t types) message(name protoreflect.FullName) (protoreflect.MessageDescriptor, error) {
	if strings.HasPrefix(string(name), "google.") {
		if found, err := protoregistry.GlobalFiles.FindDescriptorByName(name); err == nil {
			message, _ := found.(protoreflect.MessageDescriptor)
			return message, nil
		}
	}
	found, err := t.schema.find(t.ctx, name)
	message, _ := found.(protoreflect.MessageDescriptor)
	return message, err
}

// FindExtensionByName is for package proto.
func (t types) FindExtensionByName(name protoreflect.FullName) (protoreflect.ExtensionType, error) {
	found, err := t.schema.find(t.ctx, name)
	if err != nil {
		return nil, err
	}
	if extension, ok := found.(protoreflect.ExtensionDescriptor); ok && extension.IsExtension() {
		return dynamicpb.NewExtensionType(extension), nil
	}
	return nil, protoregistry.NotFound
}

// FindExtensionByNumber is for package proto.
func (t types) FindExtensionByNumber(message protoreflect.FullName, number protoreflect.FieldNumber) (protoreflect.ExtensionType, error) {
	if extension := t.schema.extension(t.ctx, message, number); extension != nil {
		return dynamicpb.NewExtensionType(extension), nil
	}
	return nil, protoregistry.NotFound
}
