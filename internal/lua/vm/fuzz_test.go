/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package vm

import (
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
)

// FuzzCompile looks for source that takes the process down, which the nesting check must prevent.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		"return 1 + 1", "if x then else end", "x = {1, {2}, a = {b = 3}}", "for i = 1, 3 do goto l ::l:: end",
		"local function f(...) return ... end", "a.b.c:d'x'{y}(z)", "not", "#", "-", "(", "{", "a..", "f(", "function() ", "do ", "a[", "1^",
	} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, piece string, times int) {
		if len(piece) == 0 || times < 0 || times > maxSource/len(piece) {
			return
		}
		vm := New(Config{})
		defer vm.Close()
		source := strings.Repeat(piece, times)
		for _, text := range []string{source, "return " + source + "1"} {
			var compiled *lua.LFunction
			compiled, failed := compile(vm.state, "fuzz.lua", []byte(text))
			if (compiled == nil) == (failed == nil) {
				t.Fatalf("compile gave %v and %v", compiled, failed)
			}
			if failed != nil && failed.Line < 1 {
				t.Fatalf("the error has no line: %+v", failed)
			}
		}
	})
}
