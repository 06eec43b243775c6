/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/fullstorydev/grpcurl"
	"github.com/jhump/protoreflect/desc/protoparse" //nolint:staticcheck // the parser that grpcurl brings along; its successor would be a second one
	"github.com/jhump/protoreflect/grpcreflect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Schema knows services and message types: those of files, or those that a server tells of itself by reflection.
type Schema struct {
	// server is asked for what is not known yet; nil if the files are all there is.
	server grpc.ClientConnInterface

	mutex sync.Mutex
	files *protoregistry.Files
	// missing are names that the server does not know.
	missing map[protoreflect.FullName]bool
	// extensions are those of a message, by their numbers, which the server was asked for.
	extensions map[protoreflect.FullName]map[protoreflect.FieldNumber]protoreflect.ExtensionDescriptor
}

func newSchema(server grpc.ClientConnInterface) *Schema {
	s := &Schema{server: server}
	s.forget()
	return s
}

// NewProtosetSchema takes a set of descriptors, as "protoc --include_imports --descriptor_set_out" and "buf build" write it.
func NewProtosetSchema(protoset []byte) (*Schema, error) {
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(protoset, &set); err != nil {
		return nil, fmt.Errorf("not a set of descriptors, as protoc --include_imports --descriptor_set_out writes it: %w", err)
	}
	files, err := protodesc.FileOptions{AllowUnresolvable: true}.NewFiles(&set)
	if err != nil {
		return nil, err
	}
	s := newSchema(nil)
	s.files = files
	return s, nil
}

// NewProtoSchema compiles .proto files and what they import, which open reads.
func NewProtoSchema(names []string, open func(name string) (io.ReadCloser, error)) (*Schema, error) {
	parser := protoparse.Parser{Accessor: open}
	files, err := parser.ParseFiles(names...)
	if err != nil {
		return nil, err
	}
	s := newSchema(nil)
	for _, file := range files {
		if err := s.add(file.UnwrapFile()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// forget drops all that is known.
func (s *Schema) forget() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.files = &protoregistry.Files{}
	s.missing = map[protoreflect.FullName]bool{}
	s.extensions = map[protoreflect.FullName]map[protoreflect.FieldNumber]protoreflect.ExtensionDescriptor{}
}

// add takes a file and what it imports. Descriptors are made anew, so that there is one of each however often the
// server tells of it.
func (s *Schema) add(file protoreflect.FileDescriptor) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return addFile(s.files, file)
}

func addFile(files *protoregistry.Files, file protoreflect.FileDescriptor) error {
	if _, err := files.FindFileByPath(file.Path()); err == nil {
		return nil
	}
	imports := file.Imports()
	for i := range imports.Len() {
		if imported := imports.Get(i); !imported.IsPlaceholder() {
			if err := addFile(files, imported.FileDescriptor); err != nil {
				return err
			}
		}
	}
	made, err := protodesc.FileOptions{AllowUnresolvable: true}.New(protodesc.ToFileDescriptorProto(file), files)
	if err != nil {
		return err
	}
	return files.RegisterFile(made)
}

// find returns what a name stands for, nil if there is no such name.
func (s *Schema) find(ctx context.Context, name protoreflect.FullName) (protoreflect.Descriptor, error) {
	known, missing := s.known(name)
	if known != nil || missing || s.server == nil {
		return known, nil
	}
	source, free := s.source(ctx)
	defer free()
	symbol, err := source.FindSymbol(string(name))
	if unknownSymbol(err) {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.missing[name] = true
		return nil, nil
	}
	if err != nil {
		return nil, reflectionError(err)
	}
	if err := s.add(symbol.GetFile().UnwrapFile()); err != nil {
		return nil, err
	}
	known, _ = s.known(name)
	return known, nil
}

func (s *Schema) known(name protoreflect.FullName) (known protoreflect.Descriptor, missing bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	known, err := s.files.FindDescriptorByName(name)
	if err != nil {
		return nil, s.missing[name]
	}
	return known, false
}

// source asks the server by either version of reflection.
func (s *Schema) source(ctx context.Context) (source grpcurl.DescriptorSource, free func()) {
	client := grpcreflect.NewClientAuto(ctx, s.server)
	return grpcurl.DescriptorSourceFromServer(ctx, client), client.Reset
}

// method returns what a method takes and gives. Errors about unknown names list the known ones.
func (s *Schema) method(ctx context.Context, service, name string) (protoreflect.MethodDescriptor, error) {
	found, err := s.find(ctx, protoreflect.FullName(service))
	if err != nil {
		return nil, err
	}
	described, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, s.unknownService(ctx, service)
	}
	methods := described.Methods()
	if method := methods.ByName(protoreflect.Name(name)); method != nil {
		return method, nil
	}
	var names []string
	for i := range methods.Len() {
		names = append(names, string(methods.Get(i).Name()))
	}
	return nil, fmt.Errorf("the service %s has no method %q: it has %s", service, name, list(names))
}

func (s *Schema) unknownService(ctx context.Context, service string) error {
	if s.server == nil {
		return fmt.Errorf("the files have no service %q: they have %s", service, list(s.services()))
	}
	source, free := s.source(ctx)
	defer free()
	services, err := source.ListServices()
	if err != nil {
		return reflectionError(err)
	}
	services = slices.DeleteFunc(services, func(s string) bool { return strings.HasPrefix(s, "grpc.reflection.") })
	return fmt.Errorf("the server has no service %q: it has %s", service, list(services))
}

func (s *Schema) services() []string {
	var names []string
	s.files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			names = append(names, string(file.Services().Get(i).FullName()))
		}
		return true
	})
	return names
}

// extension returns an extension of a message by its number, nil if there is none.
func (s *Schema) extension(ctx context.Context, message protoreflect.FullName, number protoreflect.FieldNumber) protoreflect.ExtensionDescriptor {
	s.mutex.Lock()
	known, asked := s.extensions[message]
	s.mutex.Unlock()
	if !asked {
		known = s.extensionsOf(ctx, message)
		s.mutex.Lock()
		s.extensions[message] = known
		s.mutex.Unlock()
	}
	return known[number]
}

// extensionsOf collects the extensions of a message from all files. A server that can't tell has none: fields that
// nobody describes are left out of a message.
func (s *Schema) extensionsOf(ctx context.Context, message protoreflect.FullName) map[protoreflect.FieldNumber]protoreflect.ExtensionDescriptor {
	if s.server != nil {
		source, free := s.source(ctx)
		defer free()
		// What was told before an error is good all the same.
		told, _ := source.AllExtensionsForType(string(message))
		for _, extension := range told {
			_ = s.add(extension.GetFile().UnwrapFile())
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := map[protoreflect.FieldNumber]protoreflect.ExtensionDescriptor{}
	s.files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		collectExtensions(file, message, found)
		return true
	})
	return found
}

// scope is a file or a message, which both may hold extensions and messages.
type scope interface {
	Extensions() protoreflect.ExtensionDescriptors
	Messages() protoreflect.MessageDescriptors
}

func collectExtensions(in scope, message protoreflect.FullName, found map[protoreflect.FieldNumber]protoreflect.ExtensionDescriptor) {
	for i := range in.Extensions().Len() {
		if extension := in.Extensions().Get(i); extension.ContainingMessage().FullName() == message {
			found[extension.Number()] = extension
		}
	}
	for i := range in.Messages().Len() {
		collectExtensions(in.Messages().Get(i), message, found)
	}
}

// unknownSymbol tells that the server answered that it has no such name.
func unknownSymbol(err error) bool {
	return grpcreflect.IsElementNotFoundError(err) || status.Code(err) == codes.NotFound
}

func reflectionError(err error) error {
	if errors.Is(err, grpcurl.ErrReflectionNotSupported) {
		return errors.New("the server does not support gRPC reflection, which tells what its messages look like: " +
			"register it in the server, or give its .proto files or a protoset")
	}
	if s, ok := status.FromError(err); ok {
		return fmt.Errorf("%s: %s", statusName(s.Code()), s.Message())
	}
	return err
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
