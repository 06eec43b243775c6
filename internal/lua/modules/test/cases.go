/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package test

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/convert"
)

// frame is a case that runs, or the script itself.
type frame struct {
	parent *frame
	name   string
	// tags are its own and those of the cases around it.
	tags []string
	// deferred are called at its end, the last one first.
	deferred []call
	// skip is the reason that test.skip was given.
	skip *string
	// failures are all that it has failed of so far, and inside the name of the first case inside of it that failed.
	failures []*convert.Failure
	inside   *Case
	// held is set while the case may be tried again. The cases inside of it are pending until it is known whether it is.
	held    bool
	pending []Case
}

// call is a function with its arguments.
type call struct {
	function lua.LValue
	args     []lua.LValue
}

type caseOptions struct {
	Tags     any           `lua:"tags"`
	Timeout  time.Duration `lua:"timeout"`
	Retries  int           `lua:"retries"`
	Skip     any           `lua:"skip"`
	Required bool          `lua:"required"`
	Each     []lua.LValue  `lua:"each"`
}

func (m *Module) testCase(L *lua.LState) int {
	name, options := L.CheckString(1), caseOptions{}
	if strings.TrimSpace(name) == "" {
		L.ArgError(1, "a case needs a name")
	}
	body := 2
	if L.GetTop() > 2 || L.Get(2).Type() != lua.LTFunction {
		convert.CheckOptions(L, 2, &options)
		body = 3
	}
	function := L.CheckFunction(body)
	if m.probing > 0 {
		L.RaiseError("test.case can't be called inside of test.eventually: put the case around it")
	}
	if options.Retries < 0 {
		L.ArgError(2, fmt.Sprintf("retries is %d, must be 0 or more", options.Retries))
	}
	if options.Each == nil {
		L.Push(m.run(L, name, options, call{function: function}))
		return 1
	}
	result := lua.LNil
	for i, row := range options.Each {
		args := []lua.LValue{row, lua.LNumber(i + 1)}
		ended := m.run(L, rowName(L, name, row, i+1), options, call{function: function, args: args})
		if result != lua.LFalse && ended != lua.LNil {
			result = ended
		}
	}
	L.Push(result)
	return 1
}

// run runs a case, with its retries, and returns what test.case does.
func (m *Module) run(L *lua.LState, name string, o caseOptions, body call) lua.LValue {
	name = printable(name)
	if m.current != m.root {
		name = m.current.name + "/" + name
	}
	tags := m.tagsOf(L, o.Tags)
	reason, skip := skipOption(L, o.Skip)
	if !skip {
		reason, skip = m.deselected(tags)
	}
	if skip {
		m.ended(Case{Name: name, State: Skipped, Message: reason})
		return lua.LNil
	}
	for attempt := 1; ; attempt++ {
		again := attempt <= o.Retries
		c, outcome, pending := m.attempt(L, &frame{parent: m.current, name: name, tags: tags, held: again}, o.Timeout, body)
		if again && c.State == Failed && L.Context().Err() == nil {
			m.log("RETRY", c, fmt.Sprintf("attempt %d of %d", attempt, o.Retries+1))
			continue
		}
		for _, inside := range pending {
			m.record(inside)
		}
		m.ended(c)
		return m.result(L, c, outcome, o.Required)
	}
}

// result is what test.case returns, unless it raises because the script, or the case around this one, is to end as well.
func (m *Module) result(L *lua.LState, c Case, outcome convert.Outcome, required bool) lua.LValue {
	if L.Context().Err() != nil && outcome.Failure != nil {
		outcome.Again()
	}
	switch c.State {
	case Passed:
		return lua.LTrue
	case Skipped:
		return lua.LNil
	}
	if required {
		value := lua.LString(c.first.Error())
		if c.first.Kind == convert.Assertion {
			convert.MarkAssertion(L, value)
		}
		L.Error(value, 0)
	}
	return lua.LFalse
}

// attempt runs a case once. The cases inside of it that wait for what becomes of it are pending.
func (m *Module) attempt(L *lua.LState, f *frame, timeout time.Duration, body call) (Case, convert.Outcome, []Case) {
	started, before := time.Now(), convert.LastRequest(L)
	convert.NoteRequest(L, "")
	m.current = f
	ctx, cancel := limited(L.Context(), timeout)
	outcome := convert.Protect(ctx, L, body.function, body.args...)
	cancel()
	// A coroutine may have left from within a case.
	m.current = f
	if outcome.Failure != nil && !f.skippedBy(outcome) {
		f.failures = append(f.failures, outcome.Failure)
	}
	last := convert.LastRequest(L)
	m.cleanUp(L, f)
	m.current = f.parent
	c := f.ended()
	c.Duration = time.Since(started)
	if len(f.failures) > 0 && last != "" {
		c.Message += "\nlast: " + last
	}
	if last == "" {
		convert.NoteRequest(L, before)
	}
	return c, outcome, f.pending
}

func limited(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, timeout, fmt.Errorf("timed out after %s", timeout))
}

// ended says what became of a case.
func (f *frame) ended() Case {
	c := Case{Name: f.name, State: Passed}
	switch {
	case len(f.failures) > 0:
		c.State, c.first = Failed, f.failures[0]
		c.Message = joined(f.failures)
	case f.inside != nil:
		inside := strings.TrimPrefix(f.inside.Name, f.name+"/")
		c.State, c.first = Failed, f.inside.first
		c.Message = fmt.Sprintf("case %q failed", inside)
	case f.skip != nil:
		c.State, c.Message = Skipped, *f.skip
	}
	return c
}

func joined(failures []*convert.Failure) string {
	messages := make([]string, len(failures))
	for i, failure := range failures {
		messages[i] = failure.Error()
	}
	return strings.Join(messages, "\n")
}

// ended shows and records a case, of which the case around it learns.
func (m *Module) ended(c Case) {
	m.log(words[c.State], c, "")
	if c.State == Failed && m.current.inside == nil {
		m.current.inside = &c
	}
	m.record(c)
}

// record hands a case on, unless one around it may be tried again.
func (m *Module) record(c Case) {
	for f := m.current; f != nil; f = f.parent {
		if f.held {
			f.pending = append(f.pending, c)
			return
		}
	}
	if c.State == Failed && m.first == nil {
		m.first = c.first
	}
	m.config.Recorder.Record(c)
}

func (m *Module) skip(L *lua.LState) int {
	reason := L.OptString(1, "")
	m.current.skip = &reason
	L.Error(lua.LString(skipped(reason)), 0)
	return 0
}

// skipped is the error that test.skip raises.
func skipped(reason string) string {
	if reason == "" {
		return "skipped"
	}
	return "skipped: " + reason
}

func (f *frame) skippedBy(o convert.Outcome) bool {
	return f.skip != nil && o.Value == lua.LString(skipped(*f.skip))
}

func skipOption(L *lua.LState, option any) (string, bool) {
	switch skip := option.(type) {
	case nil:
		return "", false
	case bool:
		return "", skip
	case string:
		return skip, true
	}
	L.ArgError(2, fmt.Sprintf(`option "skip": want true, false or a reason, got %v`, option))
	return "", false
}

// rowName is the name of the case for a row: {field} stands for a field of the row, {} for the row itself; without
// either the number of the row is put behind the name.
func rowName(L *lua.LState, name string, row lua.LValue, number int) string {
	var replaced []string
	if table, ok := row.(*lua.LTable); ok {
		table.ForEach(func(key, value lua.LValue) {
			replaced = append(replaced, "{"+key.String()+"}", L.ToStringMeta(value).String())
		})
	} else {
		replaced = []string{"{}", row.String()}
	}
	if full := strings.NewReplacer(replaced...).Replace(name); full != name {
		return full
	}
	return fmt.Sprintf("%s [%d]", name, number)
}

// printable keeps a name on one line.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, name)
}
