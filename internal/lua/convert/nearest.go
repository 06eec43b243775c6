/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package convert

import (
	"fmt"

	"github.com/topas-dev/topas/internal/spelling"
)

// Nearest returns the known name that a misspelled one most likely means, or "" if none is similar.
func Nearest(name string, known []string) string {
	best, bestDistance := "", len(name)/3+2
	for _, candidate := range known {
		if d := spelling.Distance(name, candidate); d < bestDistance && d < len(candidate) {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// suggestion is the end of an error message about an unknown name.
func suggestion(name string, known []string) string {
	if nearest := Nearest(name, known); nearest != "" {
		return fmt.Sprintf("did you mean %q?", nearest)
	}
	return fmt.Sprintf("known are %s", quotedList(known))
}
