/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package postman is the Lua module "postman": it runs Postman collections.
package postman

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/driver/postman"
	"github.com/topas-dev/topas/internal/lua/convert"
)

// Driver runs collections.
type Driver interface {
	Run(ctx context.Context, o postman.Options, out io.Writer) (*postman.Report, error)
}

// Files reads the files of the test. A file that is not there is fs.ErrNotExist.
type Files interface {
	ReadFile(name string) ([]byte, error)
}

// Config says what a Module works with. All fields are needed.
type Config struct {
	Driver Driver
	Files  Files
	// Output takes a line for each request.
	Output io.Writer
}

// Module is the module of one VM.
type Module struct{ config Config }

// New returns a module.
func New(c Config) *Module { return &Module{config: c} }

// Loader is the module's loader for require:
//
//	postman.run{ collection, environment, globals, folder, vars, data, iterations, timeout, bail } --> passed, report
//	-- collection, environment, globals: file names; folder: a name or a list of names
//	-- data: a file name (JSON or CSV) or a list of rows; vars: name -> value, over those of the environment
//	-- timeout: of one request, such as "5s"; bail: end at the first failure
//	-- report: { stats = { requests = { total, failed, pending }, assertions = ... },
//	--           failures = { { name, test, message, item, at, iteration, request } }, duration = seconds }
func (m *Module) Loader(L *lua.LState) int {
	L.Push(L.SetFuncs(L.NewTable(), map[string]lua.LGFunction{"run": m.run}))
	return 1
}

type options struct {
	Collection  string         `lua:"collection,required"`
	Environment string         `lua:"environment"`
	Globals     string         `lua:"globals"`
	Folder      any            `lua:"folder"`
	Vars        map[string]any `lua:"vars"`
	Data        any            `lua:"data"`
	Iterations  *int           `lua:"iterations"`
	Timeout     time.Duration  `lua:"timeout"`
	Bail        bool           `lua:"bail"`
}

func (m *Module) run(L *lua.LState) int {
	var given options
	convert.CheckOptions(L, 1, &given)
	if given.Iterations != nil && *given.Iterations < 1 {
		L.ArgError(1, fmt.Sprintf("iterations is %d, must be 1 or more", *given.Iterations))
	}
	o, err := m.driverOptions(given)
	if err != nil {
		convert.Raise(L, err)
	}
	report, err := m.config.Driver.Run(L.Context(), o, m.config.Output)
	if err != nil {
		convert.Raise(L, err)
	}
	L.Push(lua.LBool(report.Passed()))
	L.Push(reportToLua(L, report))
	return 2
}

func (m *Module) driverOptions(given options) (postman.Options, error) {
	o := postman.Options{Timeout: given.Timeout, Bail: given.Bail, Vars: map[string]string{}}
	if given.Iterations != nil {
		o.Iterations = *given.Iterations
	}
	for name, value := range given.Vars {
		text, err := plain(value)
		if err != nil {
			return o, fmt.Errorf("option %q: %w", "vars."+name, err)
		}
		o.Vars[name] = text
	}
	var err error
	if o.Folders, err = folders(given.Folder); err != nil {
		return o, err
	}
	collection, err := m.read("collection", given.Collection)
	if err != nil {
		return o, err
	}
	o.Collection = *collection
	if o.Environment, err = m.read("environment", given.Environment); err != nil {
		return o, err
	}
	if o.Globals, err = m.read("globals", given.Globals); err != nil {
		return o, err
	}
	return o, m.data(given.Data, &o)
}

// read returns nil for an option that is not given.
func (m *Module) read(option, name string) (*postman.Document, error) {
	if name == "" {
		return nil, nil
	}
	content, err := m.config.Files.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s %q not found beside the script or in the root of the test's files", option, name)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the %s %q: %w", option, name, err)
	}
	return &postman.Document{Name: name, Content: content}, nil
}

func (m *Module) data(given any, o *postman.Options) error {
	switch data := given.(type) {
	case nil:
		return nil
	case string:
		var err error
		o.Data, err = m.read("data", data)
		return err
	case []any:
		for i, item := range data {
			row, ok := item.(map[string]any)
			if !ok {
				return fmt.Errorf("option \"data[%d]\": want a row such as { name = value }, got %v", i+1, item)
			}
			o.Rows = append(o.Rows, row)
		}
		return nil
	}
	return errors.New(`option "data": want a file name or a list of rows, such as { { name = value } }`)
}

func folders(given any) ([]string, error) {
	switch folder := given.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{folder}, nil
	case []any:
		var names []string
		for _, item := range folder {
			name, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("option \"folder\": want names, got %v", item)
			}
			names = append(names, name)
		}
		return names, nil
	}
	return nil, fmt.Errorf("option \"folder\": want a name or a list of names, got %v", given)
}

func plain(value any) (string, error) {
	switch value.(type) {
	case string, int64, float64, bool:
		return fmt.Sprint(value), nil
	}
	return "", fmt.Errorf("want a string, a number or a boolean, got %v", value)
}

func reportToLua(L *lua.LState, r *postman.Report) lua.LValue {
	stats := map[string]any{}
	for name, count := range r.Stats {
		stats[name] = map[string]any{"total": count.Total, "failed": count.Failed, "pending": count.Pending}
	}
	failures := []any{}
	for _, f := range r.Failures {
		failures = append(failures, map[string]any{
			"name": f.Name, "test": f.Test, "message": f.Message, "item": f.Item,
			"at": f.At, "iteration": f.Iteration, "request": f.Request,
		})
	}
	return convert.ToLua(L, map[string]any{"stats": stats, "failures": failures, "duration": r.Duration.Seconds()})
}
