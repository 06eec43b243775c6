/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	echopb "github.com/topas-dev/topas/test/apps/echo/proto"
)

// TestUpgradeUnderTraffic replaces one version by the next as a Deployment does, with clients that never retry, and
// loses no request.
func TestUpgradeUnderTraffic(t *testing.T) {
	database := usersDatabase(t)
	launch := func(version string) *running {
		return start(t, config{
			version: version, hasDatabase: true, databaseURL: database, drainDelay: 300 * time.Millisecond,
		})
	}
	before, after := launch("v1.0.0"), launch("v1.1.0")

	// network sends new connections to a ready service, as a Service of Kubernetes does.
	var network atomic.Pointer[running]
	network.Store(before)
	dial := func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", network.Load().address)
	}

	traffic := &traffic{stop: make(chan struct{})}
	web := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}
	var users atomic.Int64
	for client := range 4 {
		traffic.run(func(n int) error {
			if err := postUser(t.Context(), web, fmt.Sprintf("user-%d-%d", client, n)); err != nil {
				return err
			}
			users.Add(1)
			return nil
		})
	}
	conn, err := grpc.NewClient("passthrough:///echo", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDisableRetry(),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var lastVersion atomic.Value
	for range 2 {
		traffic.run(func(int) error {
			answer, err := echopb.NewEchoServiceClient(conn).Echo(t.Context(), &echopb.EchoRequest{Message: "hello"})
			lastVersion.Store(answer.GetVersion())
			return err
		})
	}

	traffic.wait(t, 200)
	stopped := make(chan error, 1)
	go func() { stopped <- before.stop() }()
	waitUnready(t, before)
	network.Store(after)
	if err := <-stopped; err != nil {
		t.Errorf("stop the first version: %v", err)
	}
	traffic.wait(t, 200)
	traffic.end(t)

	if lastVersion.Load() != "v1.1.0" {
		t.Errorf("the last echo came from %v, want v1.1.0", lastVersion.Load())
	}
	list := after.call(t, "GET", "/api/users", "")
	if kept, ok := list.Body.([]any); !ok || int64(len(kept)) != users.Load() {
		t.Errorf("%d users were added, the list has %d", users.Load(), len(kept))
	}
}

// postUser is not idempotent, so that the HTTP client does not repeat it by itself.
func postUser(ctx context.Context, client *http.Client, name string) error {
	body := strings.NewReader(fmt.Sprintf(`{"name":%q,"role":"guest"}`, name))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://echo/api/users", body)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusCreated {
		return fmt.Errorf("add %s: %s", name, answer.Status)
	}
	return nil
}

func waitUnready(t *testing.T, service *running) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for service.call(t, "GET", "/readyz", "").Status != http.StatusServiceUnavailable {
		<-poll.C
	}
}

// traffic is clients that call one after the other until they are told to stop, or a call fails.
type traffic struct {
	clients sync.WaitGroup
	calls   atomic.Int64
	failure atomic.Pointer[error]
	stop    chan struct{}
}

func (tr *traffic) run(call func(n int) error) {
	tr.clients.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-tr.stop:
				return
			default:
			}
			if err := call(n); err != nil {
				tr.failure.CompareAndSwap(nil, &err)
				return
			}
			tr.calls.Add(1)
		}
	})
}

// wait waits for more calls to be answered.
func (tr *traffic) wait(t *testing.T, more int64) {
	t.Helper()
	target := tr.calls.Load() + more
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for tr.calls.Load() < target {
		if failure := tr.failure.Load(); failure != nil {
			t.Fatalf("a call was lost: %v", *failure)
		}
		select {
		case <-poll.C:
		case <-t.Context().Done():
			t.Fatal("the traffic stands still")
		}
	}
}

func (tr *traffic) end(t *testing.T) {
	t.Helper()
	close(tr.stop)
	tr.clients.Wait()
	if failure := tr.failure.Load(); failure != nil {
		t.Errorf("a call was lost: %v", *failure)
	}
}
