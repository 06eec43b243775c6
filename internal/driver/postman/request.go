/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package postman

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// request is what run.js is told, in the words of Newman's API.
type request struct {
	Collection     json.RawMessage `json:"collection"`
	Environment    json.RawMessage `json:"environment,omitempty"`
	Globals        json.RawMessage `json:"globals,omitempty"`
	Folder         []string        `json:"folder,omitempty"`
	EnvVar         []variable      `json:"envVar,omitempty"`
	IterationData  any             `json:"iterationData,omitempty"`
	IterationCount int             `json:"iterationCount,omitempty"`
	TimeoutRequest int64           `json:"timeoutRequest,omitempty"`
	Bail           bool            `json:"bail,omitempty"`
	WorkingDir     string          `json:"workingDir"`
}

type variable struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// newRequest checks what Newman doesn't, or says with less words. Only CSV is left to it.
func newRequest(o Options) (*request, error) {
	r := &request{
		Folder:         o.Folders,
		IterationCount: o.Iterations,
		TimeoutRequest: o.Timeout.Milliseconds(),
		Bail:           o.Bail,
	}
	if o.Iterations < 0 {
		return nil, fmt.Errorf("iterations is %d, must be 1 or more", o.Iterations)
	}
	var err error
	if r.Collection, err = o.Collection.unwrap("collection", "item", "requests"); err != nil {
		return nil, err
	}
	if err := checkFolders(o.Collection.Name, r.Collection, o.Folders); err != nil {
		return nil, err
	}
	if o.Environment != nil {
		if r.Environment, err = o.Environment.unwrap("environment", "values"); err != nil {
			return nil, err
		}
	}
	if o.Globals != nil {
		if r.Globals, err = o.Globals.unwrap("globals", "values"); err != nil {
			return nil, err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(o.Vars)) {
		r.EnvVar = append(r.EnvVar, variable{Key: key, Value: o.Vars[key]})
	}
	return r, r.setData(o)
}

func (r *request) setData(o Options) error {
	if o.Data != nil && o.Rows != nil {
		return errors.New("data is given both as a file and as rows: give one of them")
	}
	if o.Rows != nil {
		r.IterationData = o.Rows
		return nil
	}
	if o.Data == nil || !strings.HasSuffix(strings.ToLower(o.Data.Name), ".json") {
		return nil
	}
	var rows []map[string]any
	if err := json.Unmarshal(o.Data.text(), &rows); err != nil {
		return fmt.Errorf("data %s must be a JSON list of objects: %w", o.Data.Name, err)
	}
	r.IterationData = rows
	return nil
}

// csv reports whether the data is left to Newman.
func (o Options) csv() bool {
	return o.Data != nil && !strings.HasSuffix(strings.ToLower(o.Data.Name), ".json")
}

// text is the content without a byte order mark, which Postman's exports may have.
func (d Document) text() []byte { return bytes.TrimPrefix(d.Content, []byte("\xef\xbb\xbf")) }

// unwrap returns the document as Newman's API takes it. What Postman's own API gives out has it one level down, in a
// field of the document's kind. A document of that kind has at least one of the fields.
func (d Document) unwrap(kind string, fields ...string) (json.RawMessage, error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(d.text(), &object); err != nil {
		return nil, fmt.Errorf("%s %s is not a JSON object: %w", kind, d.Name, describe(err, d.text()))
	}
	if has(object, fields) {
		return d.text(), nil
	}
	if inner := object[kind]; inner != nil {
		var wrapped map[string]json.RawMessage
		if err := json.Unmarshal(inner, &wrapped); err == nil && has(wrapped, fields) {
			return inner, nil
		}
	}
	return nil, fmt.Errorf("%s is not a Postman %s: it has no %q", d.Name, kind, fields[0])
}

func has(object map[string]json.RawMessage, fields []string) bool {
	return slices.ContainsFunc(fields, func(name string) bool { return object[name] != nil })
}

// describe adds the line to a syntax error, which knows only the number of bytes before it.
func describe(err error, text []byte) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		line := 1 + bytes.Count(text[:min(int(syntax.Offset), len(text))], []byte("\n"))
		return fmt.Errorf("line %d: %w", line, err)
	}
	return err
}

// node is a folder of a collection, if it has items, or a request.
type node struct {
	Name string `json:"name"`
	ID   string `json:"id"`
	Item []node `json:"item"`
}

// checkFolders makes sure that the collection has the folders or requests. Collections of the old format, which have
// no tree of items, are left to Newman.
func checkFolders(name string, collection json.RawMessage, folders []string) error {
	var root node
	if err := json.Unmarshal(collection, &root); err != nil {
		return fmt.Errorf("collection %s: %w", name, err)
	}
	if root.Item == nil {
		return nil
	}
	all := flatten(root.Item)
	for _, folder := range folders {
		if slices.ContainsFunc(all, func(n node) bool { return folder != "" && (n.Name == folder || n.ID == folder) }) {
			continue
		}
		var known []string
		for _, n := range all {
			if n.Item != nil {
				known = append(known, fmt.Sprintf("%q", n.Name))
			}
		}
		there := cmp.Or(strings.Join(known[:min(len(known), maxListed)], ", "), "no folders")
		if len(known) > maxListed {
			there += fmt.Sprintf(" and %d more", len(known)-maxListed)
		}
		return fmt.Errorf("folder %q not found in collection %s: it has %s", folder, name, there)
	}
	return nil
}

const maxListed = 10

func flatten(items []node) []node {
	var all []node
	for _, n := range items {
		all = append(all, n)
		all = append(all, flatten(n.Item)...)
	}
	return all
}
