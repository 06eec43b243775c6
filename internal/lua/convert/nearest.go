/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package convert

import "fmt"

// Nearest returns the known name that a misspelled one most likely means, or "" if none is similar.
func Nearest(name string, known []string) string {
	best, bestDistance := "", len(name)/3+2
	for _, candidate := range known {
		if d := distance(name, candidate); d < bestDistance && d < len(candidate) {
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

// distance is the Levenshtein distance: how many bytes must be inserted, removed or replaced to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
