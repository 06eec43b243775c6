/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// auditPolicy makes the API server report every request once, when it has been answered.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: Metadata
`

// request is what tells requests apart that are counted.
type request struct {
	Verb string
	// Resource has its subresource, as in pods/status.
	Resource string
}

// requests is how many there were.
type requests map[request]int

func (r requests) since(before requests) requests {
	since := requests{}
	for key, n := range r {
		if n > before[key] {
			since[key] = n - before[key]
		}
	}
	return since
}

func (r requests) count(match func(request) bool) int {
	sum := 0
	for key, n := range r {
		if match(key) {
			sum += n
		}
	}
	return sum
}

func isEvent(r request) bool { return r.Resource == "events" }

// isRead is not true of a watch, which is one request for as long as it lasts.
func isRead(r request) bool { return !isEvent(r) && (r.Verb == "get" || r.Verb == "list") }

func isWrite(r request) bool { return !isEvent(r) && !isRead(r) && r.Verb != "watch" }

// auditor counts the requests that an API server reports.
type auditor struct {
	mu sync.Mutex
	// seen are the requests of each program, by the first word of its user agent.
	seen map[string]requests
	err  error
	pipe *io.PipeWriter
	done chan struct{}
}

// audit returns an auditor, and what makes an API server report to it. Its files are in dir.
func audit(dir string) (*auditor, func(*envtest.APIServer), error) {
	policy := filepath.Join(dir, "audit-policy.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return nil, nil, fmt.Errorf("writing the audit policy: %w", err)
	}
	read, write := io.Pipe()
	a := &auditor{seen: map[string]requests{}, pipe: write, done: make(chan struct{})}
	go a.listen(read)
	return a, func(server *envtest.APIServer) {
		server.Configure().Set("audit-policy-file", policy).Set("audit-log-path", "-")
		server.Out = write
	}, nil
}

// stop ends the auditor, after the API server.
func (a *auditor) stop() {
	_ = a.pipe.Close() // returns no error
	<-a.done
}

// counted are the requests of a program so far.
func (a *auditor) counted(program string) (requests, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.seen[program]), a.err
}

// listen reads to the end also after an error: the API server would wait to be read.
func (a *auditor) listen(from *io.PipeReader) {
	defer close(a.done)
	events := json.NewDecoder(from)
	for {
		err := a.count(events)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			a.mu.Lock()
			a.err = fmt.Errorf("reading the audit log: %w", err)
			a.mu.Unlock()
			_, _ = io.Copy(io.Discard, from) // returns the error of the writer, which is none
			return
		}
	}
}

func (a *auditor) count(events *json.Decoder) error {
	var event struct {
		Verb, UserAgent string
		ObjectRef       struct{ Resource, Subresource string }
	}
	if err := events.Decode(&event); err != nil {
		return err
	}
	program, _, _ := strings.Cut(event.UserAgent, "/")
	resource := event.ObjectRef.Resource
	if event.ObjectRef.Subresource != "" {
		resource += "/" + event.ObjectRef.Subresource
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen[program] == nil {
		a.seen[program] = requests{}
	}
	a.seen[program][request{event.Verb, resource}]++
	return nil
}
