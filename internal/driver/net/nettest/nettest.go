/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package nettest is a gRPC server for tests, whose messages have everything that Protocol Buffers know.
package nettest

import (
	"embed"
	"errors"
	"fmt"
	"io"
	stdnet "net"
	"sync"
	"testing"

	"github.com/jhump/protoreflect/desc/protoparse" //nolint:staticcheck // the parser that the driver has too
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"

	spb "google.golang.org/genproto/googleapis/rpc/status"
)

//go:embed *.proto
var protos embed.FS

// Service is the name of the service, see kinds.proto.
const Service = "topas.test.Echo"

// Reflection is how a server tells of itself.
type Reflection int

// The ways of reflection.
const (
	Both Reflection = iota
	V1
	V1Alpha
	None
)

// Server is a running server.
type Server struct {
	Address string

	files *protoregistry.Files
	types *protoregistry.Types

	mutex    sync.Mutex
	received proto.Message
}

// Start starts a server that ends with the test.
func Start(t testing.TB, how Reflection) *Server {
	t.Helper()
	s := &Server{files: &protoregistry.Files{}, types: &protoregistry.Types{}}
	s.load(t)
	listener, err := stdnet.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Address = listener.Addr().String()
	server := grpc.NewServer()
	server.RegisterService(s.describe(), s)
	options := reflection.ServerOptions{Services: server, DescriptorResolver: s.files, ExtensionResolver: s.types}
	if how == Both || how == V1 {
		reflectionv1.RegisterServerReflectionServer(server, reflection.NewServerV1(options))
	}
	if how == Both || how == V1Alpha {
		reflectionv1alpha.RegisterServerReflectionServer(server, reflection.NewServer(options))
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Errorf("serve gRPC: %v", err)
		}
	})
	return s
}

// Open opens kinds.proto, extended.proto or weights.proto.
func Open(name string) (io.ReadCloser, error) { return protos.Open(name) }

// Protoset returns all files as a set of descriptors.
func Protoset(t testing.TB) []byte {
	t.Helper()
	s := &Server{files: &protoregistry.Files{}, types: &protoregistry.Types{}}
	s.load(t)
	set := &descriptorpb.FileDescriptorSet{}
	s.files.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
		return true
	})
	encoded, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// Received returns the last message that the server was sent, nil if there is none since the last time.
func (s *Server) Received() proto.Message {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	last := s.received
	s.received = nil
	return last
}

// Wire is the last message that the server was sent, in bytes.
func (s *Server) Wire() ([]byte, error) { return proto.Marshal(s.Received()) }

// JSON is a message as Google's own code writes it.
func (s *Server) JSON(message proto.Message) (string, error) {
	encoded, err := protojson.MarshalOptions{UseProtoNames: true, Resolver: resolver{s.types}}.Marshal(message)
	return string(encoded), err
}

// Parse reads a message of the type Kinds.
func (s *Server) Parse(encoded []byte) (proto.Message, error) {
	found, err := s.files.FindDescriptorByName("topas.test.Kinds")
	if err != nil {
		return nil, err
	}
	return s.parse(found.(protoreflect.MessageDescriptor), encoded)
}

func (s *Server) parse(kind protoreflect.MessageDescriptor, encoded []byte) (message *dynamicpb.Message, err error) {
	// Package proto panics at an entry of a map whose key has the wrong wire type.
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("%v", caught)
		}
	}()
	message = dynamicpb.NewMessage(kind)
	return message, proto.UnmarshalOptions{Resolver: resolver{s.types}}.Unmarshal(encoded, message)
}

// resolver finds the types that the server has, then those that are linked into the test.
type resolver struct{ *protoregistry.Types }

func (r resolver) FindMessageByURL(url string) (protoreflect.MessageType, error) {
	found, err := r.Types.FindMessageByURL(url)
	if errors.Is(err, protoregistry.NotFound) {
		return protoregistry.GlobalTypes.FindMessageByURL(url)
	}
	return found, err
}

func (s *Server) load(t testing.TB) {
	t.Helper()
	parser := protoparse.Parser{Accessor: Open}
	parsed, err := parser.ParseFiles("kinds.proto", "weights.proto")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range parsed {
		if err := s.register(file.UnwrapFile()); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *Server) register(file protoreflect.FileDescriptor) error {
	if _, err := s.files.FindFileByPath(file.Path()); err == nil {
		return nil
	}
	for i := range file.Imports().Len() {
		if err := s.register(file.Imports().Get(i).FileDescriptor); err != nil {
			return err
		}
	}
	if err := s.files.RegisterFile(file); err != nil {
		return err
	}
	err := s.registerExtensions(file.Extensions())
	for i := range file.Messages().Len() {
		message := file.Messages().Get(i)
		err = errors.Join(err, s.types.RegisterMessage(dynamicpb.NewMessageType(message)), s.registerExtensions(message.Extensions()))
	}
	return err
}

func (s *Server) registerExtensions(extensions protoreflect.ExtensionDescriptors) error {
	for i := range extensions.Len() {
		if err := s.types.RegisterExtension(dynamicpb.NewExtensionType(extensions.Get(i))); err != nil {
			return err
		}
	}
	return nil
}

// describe makes every method one of streams, which can serve the unary ones too.
func (s *Server) describe() *grpc.ServiceDesc {
	found, err := s.files.FindDescriptorByName(Service)
	if err != nil {
		panic(err)
	}
	service := &grpc.ServiceDesc{ServiceName: Service, HandlerType: (*any)(nil), Metadata: "kinds.proto"}
	methods := found.(protoreflect.ServiceDescriptor).Methods()
	for i := range methods.Len() {
		method := methods.Get(i)
		service.Streams = append(service.Streams, grpc.StreamDesc{
			StreamName: string(method.Name()), ClientStreams: true, ServerStreams: true,
			Handler: func(_ any, stream grpc.ServerStream) error { return s.serve(method, stream) },
		})
	}
	return service
}

// receive reads a message and keeps it.
func (s *Server) receive(method protoreflect.MethodDescriptor, stream grpc.ServerStream) (*dynamicpb.Message, error) {
	message := dynamicpb.NewMessage(method.Input())
	if err := stream.RecvMsg(message); err != nil {
		return nil, err
	}
	// gRPC itself knows no extensions of this server.
	encoded, err := proto.Marshal(message)
	if err != nil {
		return nil, err
	}
	if message, err = s.parse(method.Input(), encoded); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.received = message
	return message, nil
}

func (s *Server) serve(method protoreflect.MethodDescriptor, stream grpc.ServerStream) error {
	if incoming, _ := metadata.FromIncomingContext(stream.Context()); len(incoming.Get("token")) > 0 {
		if err := stream.SetHeader(metadata.Pairs("saw", fmt.Sprint(incoming.Get("token")))); err != nil {
			return err
		}
		stream.SetTrailer(metadata.Pairs("trailing", "yes"))
	}
	if method.Name() == "Collect" || method.Name() == "Chat" {
		return s.serveStream(method, stream)
	}
	request, err := s.receive(method, stream)
	if err != nil {
		return err
	}
	switch method.Name() {
	case "Repeat":
		children := request.Get(request.Descriptor().Fields().ByName("children")).List()
		for i := range children.Len() {
			if err := stream.SendMsg(children.Get(i).Message().Interface()); err != nil {
				return err
			}
		}
		return nil
	case "Decode":
		// As fields that nobody knows, the bytes are sent as they are.
		message := dynamicpb.NewMessage(method.Output())
		message.SetUnknown(request.Get(request.Descriptor().Fields().ByName("value")).Bytes())
		return stream.SendMsg(message)
	case "Refuse":
		return refuse(request)
	}
	return stream.SendMsg(request)
}

// serveStream serves the methods that take many messages. A message with the text "stop" ends them with a status.
func (s *Server) serveStream(method protoreflect.MethodDescriptor, stream grpc.ServerStream) error {
	all := dynamicpb.NewMessage(method.Output())
	fields := all.Descriptor().Fields()
	for {
		message, err := s.receive(method, stream)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if message.Get(fields.ByName("a_string")).String() == "stop" {
			return status.Error(codes.Aborted, "stopped")
		}
		all.Mutable(fields.ByName("children")).List().Append(protoreflect.ValueOfMessage(message))
		if method.Name() == "Chat" {
			if err := stream.SendMsg(message); err != nil {
				return err
			}
		}
	}
	if method.Name() == "Chat" {
		return nil
	}
	return stream.SendMsg(all)
}

func refuse(request *dynamicpb.Message) error {
	refusal := &spb.Status{Code: int32(codes.InvalidArgument), Message: "refused"}
	details := request.Get(request.Descriptor().Fields().ByName("details")).List()
	for i := range details.Len() {
		detail := details.Get(i).Message()
		kind := detail.Descriptor().Fields()
		refusal.Details = append(refusal.Details, &anypb.Any{
			TypeUrl: detail.Get(kind.ByName("type_url")).String(), Value: detail.Get(kind.ByName("value")).Bytes(),
		})
	}
	return status.ErrorProto(refusal)
}
