/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package kubelettest plays the part of a kubelet for tests that read logs through a real API
// server: it serves the logs of containers as the kubelet does, and breaks connections on demand.
package kubelettest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// stampLayout is how the kubelet writes the time before a line.
const stampLayout = "2006-01-02T15:04:05.000000000Z07:00"

// Kubelet serves the logs of one node.
type Kubelet struct {
	// Node is the name of the node, for spec.nodeName of Pods.
	Node string

	mu      sync.Mutex
	changed *sync.Cond
	logs    map[string]*containerLog
	// breaks counts the orders to break all connections.
	breaks int
	// budgets are the numbers of bytes after which the next connections break.
	budgets []int
	opened  int
}

// containerLog is what a container wrote.
type containerLog struct {
	entries []entry
	ended   bool
}

// entry is a piece of the log. The kubelet writes a time before those that begin a line.
type entry struct {
	at   time.Time
	text string
}

// Start makes a node whose kubelet is served by this process.
func Start(t testing.TB, c client.Client) *Kubelet {
	t.Helper()
	k := &Kubelet{logs: map[string]*containerLog{}}
	k.changed = sync.NewCond(&k.mu)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", k.serve)
	server := httptest.NewTLSServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})

	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{GenerateName: "node-"}}
	if err := c.Create(t.Context(), node); err != nil {
		t.Fatalf("make a node: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Delete(context.Background(), node); err != nil {
			t.Errorf("delete the node: %v", err)
		}
	})
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: host}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(number)
	if err := c.Status().Update(t.Context(), node); err != nil {
		t.Fatalf("set the address of the node: %v", err)
	}
	k.Node = node.Name
	return k
}

// Write adds text to the log of a container, "<pod>/<container>", at this moment.
func (k *Kubelet) Write(container, text string) { k.WriteAt(container, time.Now(), text) }

// WriteAt adds text as if it had been written at that time.
func (k *Kubelet) WriteAt(container string, at time.Time, text string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	log := k.log(container)
	log.entries = append(log.entries, entry{at, text})
	k.changed.Broadcast()
}

// End says that the container has ended: its followers get the rest and then the end.
func (k *Kubelet) End(container string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.log(container).ended = true
	k.changed.Broadcast()
}

// Rotate takes away what was written so far, as the rotation of a large log does.
func (k *Kubelet) Rotate(container string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	log := k.log(container)
	k.logs[container] = &containerLog{ended: log.ended}
	k.breaks++
	k.changed.Broadcast()
}

// Break cuts every open connection.
func (k *Kubelet) Break() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.breaks++
	k.changed.Broadcast()
}

// BreakAfter cuts the next connections after so many bytes each.
func (k *Kubelet) BreakAfter(bytes ...int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.budgets = append(k.budgets, bytes...)
}

// Opened returns how often a log was opened.
func (k *Kubelet) Opened() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.opened
}

func (k *Kubelet) log(container string) *containerLog {
	if k.logs[container] == nil {
		k.logs[container] = &containerLog{}
	}
	return k.logs[container]
}

func (k *Kubelet) serve(w http.ResponseWriter, r *http.Request) {
	container := r.PathValue("pod") + "/" + r.PathValue("container")
	query, err := parse(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	stop := context.AfterFunc(r.Context(), func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.changed.Broadcast()
	})
	defer stop()

	k.mu.Lock()
	defer k.mu.Unlock()
	k.opened++
	budget, breaks := -1, k.breaks
	if len(k.budgets) > 0 {
		budget, k.budgets = k.budgets[0], k.budgets[1:]
	}
	// The reader learns that the log is open before there is anything in it.
	k.send(w, "")
	log := k.log(container)
	next, newLine := tailStart(log.entries, query.tail), true
	for {
		for ; next < len(log.entries); next++ {
			e := log.entries[next]
			text := e.text
			if newLine && query.timestamps {
				text = e.at.UTC().Format(stampLayout) + " " + text
			}
			newLine = strings.HasSuffix(e.text, "\n")
			if e.at.Before(query.since) {
				continue
			}
			if budget >= 0 && len(text) > budget {
				k.send(w, text[:budget])
				panic(http.ErrAbortHandler)
			}
			budget -= len(text)
			k.send(w, text)
		}
		if !query.follow || log.ended || r.Context().Err() != nil {
			return
		}
		if k.breaks != breaks {
			panic(http.ErrAbortHandler)
		}
		// Nothing was sent since log was looked at: what is written while a send is under way must not be waited for.
		k.changed.Wait()
	}
}

// send writes without the lock, so that the test can go on while a reader is slow.
func (k *Kubelet) send(w http.ResponseWriter, text string) {
	k.mu.Unlock()
	defer k.mu.Lock()
	_, _ = fmt.Fprint(w, text)
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
	}
}

// tailStart finds where the last n lines begin. A negative n is for all.
func tailStart(entries []entry, n int) int {
	if n < 0 {
		return 0
	}
	return max(len(entries)-n, 0)
}

type query struct {
	follow, timestamps bool
	since              time.Time
	tail               int
}

func parse(r *http.Request) (query, error) {
	values := r.URL.Query()
	q := query{follow: values.Get("follow") == "true", timestamps: values.Get("timestamps") == "true", tail: -1}
	var err error
	if tail := values.Get("tailLines"); tail != "" {
		if q.tail, err = strconv.Atoi(tail); err != nil {
			return q, err
		}
	}
	if since := values.Get("sinceTime"); since != "" {
		if q.since, err = time.Parse(time.RFC3339, since); err != nil {
			return q, err
		}
	}
	if seconds := values.Get("sinceSeconds"); seconds != "" {
		n, err := strconv.Atoi(seconds)
		if err != nil {
			return q, err
		}
		q.since = time.Now().Add(-time.Duration(n) * time.Second)
	}
	return q, nil
}
