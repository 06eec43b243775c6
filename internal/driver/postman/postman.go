/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package postman runs Postman collections with Newman.
package postman

import (
	"context"
	"io"
	"time"
)

// Resolver knows the hosts of the App under test. A host that is ok is reached at target, and at port where a URL
// names none; every other host is left to DNS.
type Resolver interface {
	Resolve(host string) (target string, port int32, ok bool)
}

// Config says what a Runner runs collections with.
type Config struct {
	// Newman is the folder whose node_modules holds Newman.
	Newman string
	// Node is the Node.js binary. Empty means "node", which is looked for in PATH.
	Node string
	// Hosts are the hosts of the App under test. Nil means that DNS knows them all.
	Hosts Resolver
}

// Runner runs collections, each in a process of its own.
type Runner struct{ config Config }

// New returns a Runner.
func New(c Config) *Runner {
	if c.Node == "" {
		c.Node = "node"
	}
	return &Runner{config: c}
}

// Document is a file that Newman is given. Its name is only used to speak of it.
type Document struct {
	Name    string
	Content []byte
}

// Options say what is run. Only Collection is needed.
type Options struct {
	// Collection in the format v2 or v1.
	Collection Document
	// Environment and Globals are exported from Postman: {"values": [{"key", "value"}]}.
	Environment, Globals *Document
	// Folders are the folders and requests to run, by name or id. None means the whole collection.
	Folders []string
	// Vars are set in the environment, over the values that it has.
	Vars map[string]string
	// Data has the variables of each iteration: a list in JSON, or CSV with a header. Rows are the same, already read.
	Data *Document
	Rows []map[string]any
	// Iterations is how often the collection is run. 0 means as often as there are rows of data, at least once.
	Iterations int
	// Timeout is how long one request may take. 0 means that only the context ends it.
	Timeout time.Duration
	// Bail ends the run at the first failure.
	Bail bool
}

// Count is how many there were of something.
type Count struct {
	Total   int `json:"total"`
	Failed  int `json:"failed"`
	Pending int `json:"pending"`
}

// Failure is an assertion that did not hold, a request that could not be made, or a script with an error.
type Failure struct {
	// Name of the error, such as AssertionError, TypeError or Error.
	Name string `json:"name"`
	// Test is the name of the assertion. Empty for other failures.
	Test    string `json:"test"`
	Message string `json:"message"`
	// Item is the request in the collection, with its folders: "Login Flow / Log in".
	Item string `json:"item"`
	// At is the place inside the item, such as "assertion:0 in test-script" or "request".
	At string `json:"at"`
	// Iteration counts from 1.
	Iteration int `json:"iteration"`
	// Request is the request that was sent, such as "GET http://frontend/users", without the query. Empty if none was.
	Request string `json:"request"`
}

// Report is what became of a run. It holds no values of variables and no bodies.
type Report struct {
	// Stats count iterations, items, requests, assertions, testScripts, prerequestScripts and so on.
	Stats    map[string]Count
	Failures []Failure
	// Duration of the run, without the start of Newman.
	Duration time.Duration
}

// Passed reports whether nothing failed. That a server answers with an error status is no failure by itself.
func (r *Report) Passed() bool { return len(r.Failures) == 0 }

// Run runs a collection and writes what happens to out, a line for each request, failure and output of the
// collection's scripts. The error says why the run could not be made; a collection that fails is no error.
func (r *Runner) Run(ctx context.Context, o Options, out io.Writer) (*Report, error) {
	request, err := newRequest(o)
	if err != nil {
		return nil, err
	}
	return r.execute(ctx, request, o, out)
}
