/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package forward carries TCP connections from one place to another.
package forward

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"time"
)

const (
	dialTimeout  = 5 * time.Second
	acceptPause  = 100 * time.Millisecond
	dialProtocol = "tcp"
)

// Serve accepts connections until the listener is closed, and connects each
// to the target address.
//
// A socket belongs to the network namespace in which it was opened. So when
// the listener comes from outside and the process runs in a namespace, this
// leads into the namespace.
func Serve(listener net.Listener, target string) error {
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			// Such as too many open files: it passes when connections end.
			log.Printf("Accepting a connection failed: %v", err)
			<-time.After(acceptPause)
			continue
		}
		go carry(client, target)
	}
}

func carry(client net.Conn, target string) {
	defer func() { _ = client.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	server, err := new(net.Dialer).DialContext(ctx, dialProtocol, target)
	cancel()
	if err != nil {
		log.Printf("Connecting to %s failed: %v", target, err)
		return
	}
	defer func() { _ = server.Close() }()
	done := make(chan struct{})
	go func() {
		copyThenCloseWrite(server, client)
		close(done)
	}()
	copyThenCloseWrite(client, server)
	<-done
}

// Closing only one direction lets the other side finish what it has to say.
func copyThenCloseWrite(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
