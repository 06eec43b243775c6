/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package test

import (
	"fmt"
	"slices"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// tagsParam is the parameter of the run that selects cases, such as "smoke,!slow".
const tagsParam = "tags"

// tagsOf returns the tags of a case that begins, with those of the cases around it.
func (m *Module) tagsOf(L *lua.LState, option any) []string {
	tags := slices.Clone(m.current.tags)
	list, isList := option.([]any)
	if !isList && option != nil {
		list = []any{option}
	}
	for _, item := range list {
		tag, ok := item.(string)
		if !ok || tag == "" || strings.ContainsAny(tag, ",! ") {
			L.ArgError(2, fmt.Sprintf(`option "tags": want a name or a list of names without ",", "!" and spaces, got %v`, item))
		}
		tags = append(tags, tag)
	}
	return tags
}

// deselected tells whether the run leaves a case out, and why. A case without tags always runs.
func (m *Module) deselected(tags []string) (string, bool) {
	var wanted []string
	for part := range strings.SplitSeq(m.config.Params[tagsParam], ",") {
		part = strings.TrimSpace(part)
		excluded, not := strings.CutPrefix(part, "!")
		if not && slices.Contains(tags, excluded) {
			return fmt.Sprintf("the run leaves out the tag %q", excluded), true
		}
		if !not && part != "" {
			wanted = append(wanted, part)
		}
	}
	hit := slices.ContainsFunc(tags, func(tag string) bool { return slices.Contains(wanted, tag) })
	if len(tags) == 0 || len(wanted) == 0 || hit {
		return "", false
	}
	return "the run is for the tags " + strings.Join(wanted, ", "), true
}
