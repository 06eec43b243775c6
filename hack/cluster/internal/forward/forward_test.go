/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package forward

import (
	"io"
	"net"
	"testing"
)

func TestServeCarriesBothWaysAndHalfCloses(t *testing.T) {
	target := listen(t)
	go func() {
		conn, err := target.Accept()
		if err != nil {
			return
		}
		// The answer comes only after the client has closed its direction.
		request, _ := io.ReadAll(conn)
		_, _ = conn.Write(append([]byte("answer to "), request...))
		_ = conn.Close()
	}()
	front := listen(t)
	ended := make(chan error, 1)
	go func() { ended <- Serve(front, target.Addr().String()) }()

	conn, err := net.Dial("tcp", front.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("request")); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || string(answer) != "answer to request" {
		t.Errorf("got %q, %v", answer, err)
	}
	_ = front.Close()
	if err := <-ended; err != nil {
		t.Errorf("closing the listener must end Serve quietly: %v", err)
	}
}

func TestServeClosesWhenTheTargetIsDead(t *testing.T) {
	dead := listen(t)
	address := dead.Addr().String()
	_ = dead.Close()
	front := listen(t)
	go func() { _ = Serve(front, address) }()
	conn, err := net.Dial("tcp", front.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read %d bytes, %v: the client must learn that nobody is there", n, err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}
