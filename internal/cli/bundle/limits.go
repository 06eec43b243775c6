/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package bundle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

const (
	// MaxBytes bounds script, files and their names together. A ConfigMap holds 1 MiB; the margin
	// leaves room for its metadata.
	MaxBytes = 1<<20 - 16<<10
	// MaxScriptBytes is the size above which the runner does not compile a script.
	MaxScriptBytes = 256 << 10
	// MaxEncodedBytes bounds the same in the form in which it is stored, where quotes, line ends
	// and < > & take more than a byte. etcd takes 1.5 MiB in one request.
	MaxEncodedBytes = 1400 << 10
	// MaxFiles is the number of files that a TestRun may have.
	MaxFiles = 256

	maxNameBytes   = 253
	largestToShow  = 5
	nameCharacters = "letters, digits and _ . @ + = , - or space, no part beginning with a dot"
)

// validName is the rule for the keys of spec.files in the TestRun's CRD.
var validName = regexp.MustCompile(`^[A-Za-z0-9_ @+=,-][A-Za-z0-9_. @+=,-]*(/[A-Za-z0-9_ @+=,-][A-Za-z0-9_. @+=,-]*)*$`)

func checkName(name, path string) error {
	if len(name) <= maxNameBytes && validName.MatchString(name) {
		return nil
	}
	return fmt.Errorf("%s can't go along as %q: a name may have at most %d characters: %s", path, name, maxNameBytes, nameCharacters)
}

type sized struct {
	name  string
	bytes int
}

func (b Bundle) checkSize() error {
	if len(b.Script) > MaxScriptBytes {
		return fmt.Errorf("the script has %s, a script may have at most %s: move helpers into modules and data into files, and --include them",
			kib(len(b.Script)), kib(MaxScriptBytes))
	}
	if len(b.Files) > MaxFiles {
		return fmt.Errorf("%d files are included, a test may have at most %d", len(b.Files), MaxFiles)
	}
	sizes := []sized{{"the script", len(b.Script)}}
	for name, content := range b.Files {
		sizes = append(sizes, sized{name, len(name) + len(content)})
	}
	total := 0
	for _, s := range sizes {
		total += s.bytes
	}
	if total > MaxBytes {
		return tooLarge(sizes, total)
	}
	return b.checkEncodedSize()
}

func (b Bundle) checkEncodedSize() error {
	encoded, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("measuring the size of the files: %w", err)
	}
	if len(encoded) <= MaxEncodedBytes {
		return nil
	}
	return fmt.Errorf("script and files together have %s once they are encoded as JSON, a test may carry at most %s: quotes, line ends and < > & take two to six bytes each",
		kib(len(encoded)), kib(MaxEncodedBytes))
}

func tooLarge(sizes []sized, total int) error {
	slices.SortFunc(sizes, func(a, b sized) int {
		return cmp.Or(cmp.Compare(b.bytes, a.bytes), strings.Compare(a.name, b.name))
	})
	var largest strings.Builder
	for _, s := range sizes[:min(len(sizes), largestToShow)] {
		fmt.Fprintf(&largest, "\n  %10s  %s", kib(s.bytes), s.name)
	}
	return fmt.Errorf("script and files together have %s, a test may carry at most %s; the largest are:%s", kib(total), kib(MaxBytes), largest.String())
}

func kib(bytes int) string {
	return fmt.Sprintf("%.1f KiB", float64(bytes)/1024)
}
