/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"testing"

	"github.com/topas-dev/topas/hack/cluster/internal/image"
)

func TestCovered(t *testing.T) {
	present := []image.Image{{Name: "localhost/a:1", ID: "sha256:a"}, {Name: "localhost/b:1", ID: "sha256:b"}}
	tests := map[string]struct {
		reason string
		wanted []image.Image
		want   bool
	}{
		"Same":     {"loading it again would change nothing", []image.Image{{Name: "localhost/a:1", ID: "sha256:a"}}, true},
		"Rebuilt":  {"the same name stands for something new", []image.Image{{Name: "localhost/a:1", ID: "sha256:new"}}, false},
		"Retagged": {"Pods refer to names", []image.Image{{Name: "localhost/a:2", ID: "sha256:a"}}, false},
		"Partly":   {"all images of the archive count", []image.Image{present[0], {Name: "localhost/c:1", ID: "sha256:c"}}, false},
		"Unknown":  {"without an id nothing can be said", []image.Image{{Name: "localhost/a:1"}}, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := covered(tc.wanted, present); got != tc.want {
				t.Errorf("%s: got %v", tc.reason, got)
			}
		})
	}
}
