/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/internal/lua/convert"
)

const (
	// maxDifferences is how many differences are shown.
	maxDifferences = 20
	// maxDepth is how deep tables are compared and shown: one may hold itself.
	maxDepth = 50
	// maxShown is how many bytes of a value are shown.
	maxShown = 200
)

// difference is where two values differ that should be the same.
type difference struct{ path, text string }

// comparison collects differences.
type comparison struct {
	L *lua.LState
	// covers lets the value have more fields and items than what is expected of it.
	covers bool
	found  []difference
}

// differences are the lines that say where a value is not as expected, "" if it is.
func differences(L *lua.LState, want, got lua.LValue, covers bool) string {
	c := &comparison{L: L, covers: covers}
	c.compare("", want, got, 0)
	width := 0
	for _, d := range c.found[:min(len(c.found), maxDifferences)] {
		width = max(width, len(d.path))
	}
	var lines []string
	for _, d := range c.found[:min(len(c.found), maxDifferences)] {
		if width > 0 {
			d.text = fmt.Sprintf("%-*s  %s", width, d.path, d.text)
		}
		lines = append(lines, d.text)
	}
	if left := len(c.found) - maxDifferences; left > 0 {
		lines = append(lines, fmt.Sprintf("... and %d more differences", left))
	}
	return strings.Join(lines, "\n")
}

func (c *comparison) compare(path string, want, got lua.LValue, depth int) {
	wanted, isTable := want.(*lua.LTable)
	value, bothTables := got.(*lua.LTable)
	switch {
	case want == got:
	case isTable && bothTables && depth < maxDepth:
		c.tables(path, wanted, value, depth)
	case isTable != bothTables || !c.L.Equal(want, got):
		c.found = append(c.found, difference{path, fmt.Sprintf("expected %s, got %s%s", show(want), show(got), firstDifference(want, got))})
	}
}

func (c *comparison) tables(path string, want, got *lua.LTable, depth int) {
	for _, key := range keysOf(want) {
		c.compare(path+step(key), want.RawGet(key), got.RawGet(key), depth+1)
	}
	if c.covers {
		return
	}
	for _, key := range keysOf(got) {
		if want.RawGet(key) == lua.LNil {
			c.found = append(c.found, difference{path + step(key), "not expected, got " + show(got.RawGet(key))})
		}
	}
}

// keysOf returns the keys of a table in order: numbers first, then the others by their text.
func keysOf(table *lua.LTable) []lua.LValue {
	numbers, others := map[lua.LNumber]bool{}, map[string]lua.LValue{}
	table.ForEach(func(key, _ lua.LValue) {
		if n, ok := key.(lua.LNumber); ok {
			numbers[n] = true
			return
		}
		others[key.Type().String()+key.String()] = key
	})
	var keys []lua.LValue
	for _, n := range slices.Sorted(maps.Keys(numbers)) {
		keys = append(keys, n)
	}
	for _, name := range slices.Sorted(maps.Keys(others)) {
		keys = append(keys, others[name])
	}
	return keys
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// step is a key as it is written behind a path.
func step(key lua.LValue) string {
	if name, ok := key.(lua.LString); ok {
		if identifier.MatchString(string(name)) {
			return "." + string(name)
		}
		return "[" + strconv.Quote(string(name)) + "]"
	}
	return "[" + key.String() + "]"
}

// firstDifference says where long strings differ, of which too little is shown to see it.
func firstDifference(want, got lua.LValue) string {
	a, isString := want.(lua.LString)
	b, bothStrings := got.(lua.LString)
	if !isString || !bothStrings || min(len(a), len(b)) <= 40 {
		return ""
	}
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	return fmt.Sprintf(" (they differ from byte %d on)", same+1)
}

// show is a value as a script would write it, cut if it is long.
func show(value lua.LValue) string {
	var text strings.Builder
	write(&text, value, 0)
	if text.Len() <= maxShown {
		return text.String()
	}
	return strings.ToValidUTF8(text.String()[:maxShown], "") + "..."
}

func write(text *strings.Builder, value lua.LValue, depth int) {
	if text.Len() > maxShown {
		return
	}
	switch v := value.(type) {
	case lua.LString:
		text.WriteString(strconv.Quote(string(v[:min(len(v), maxShown)])))
	case *lua.LTable:
		writeTable(text, v, depth)
	case lua.LNumber, lua.LBool, *lua.LNilType:
		text.WriteString(value.String())
	default:
		if value == convert.Null {
			text.WriteString("null")
		} else {
			text.WriteString("a " + value.Type().String())
		}
	}
}

func writeTable(text *strings.Builder, table *lua.LTable, depth int) {
	if depth >= maxDepth {
		text.WriteString("{...}")
		return
	}
	keys := keysOf(table)
	if len(keys) == 0 {
		text.WriteString("{}")
		return
	}
	text.WriteString("{ ")
	for i, key := range keys {
		if i > 0 {
			text.WriteString(", ")
		}
		if key != lua.LNumber(i+1) {
			text.WriteString(strings.TrimPrefix(step(key), ".") + " = ")
		}
		write(text, table.RawGet(key), depth+1)
	}
	text.WriteString(" }")
}
