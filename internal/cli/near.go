/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"cmp"
	"slices"
	"strings"

	"github.com/topas-dev/topas/internal/spelling"
)

// lettersPerTypo is how many letters of a name allow for one that is wrong.
const lettersPerTypo = 4

// near returns the names that may be meant by one that is not there, the likeliest first.
func near(name string, names []string) []string {
	type candidate struct {
		name  string
		typos int
	}
	var likely []candidate
	for _, n := range names {
		typos := spelling.Distance(name, n)
		if typos <= max(1, len(name)/lettersPerTypo) || name != "" && strings.HasPrefix(n, name) {
			likely = append(likely, candidate{n, typos})
		}
	}
	slices.SortStableFunc(likely, func(a, b candidate) int { return cmp.Compare(a.typos, b.typos) })
	var result []string
	for _, c := range likely[:min(len(likely), suggestions)] {
		result = append(result, c.name)
	}
	return result
}
