/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package progress tells a person, one line a step, what is being done.
package progress

import (
	"fmt"
	"io"
)

// Printer writes steps to one stream, usually stderr, so that stdout stays
// free for answers that scripts read.
type Printer struct {
	out io.Writer
}

// To returns a Printer that writes to out.
func To(out io.Writer) *Printer {
	return &Printer{out: out}
}

// Step prints one line.
func (p *Printer) Step(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, "cluster: "+format+"\n", args...)
}
