/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package v1alpha1

import (
	"strings"
	"testing"
)

func TestServiceReference(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0a", 32)
	for _, tc := range []struct{ reason, image, version, want string }{
		{"a tag", "my-org/web", "v1.2.0", "my-org/web:v1.2.0"},
		{"a registry with a port", "localhost:5000/web", "1", "localhost:5000/web:1"},
		{"a digest is joined by @", "my-org/web", digest, "my-org/web@" + digest},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			service := ServiceSpec{Image: tc.image, Version: tc.version}
			if got := service.Reference(); got != tc.want {
				t.Errorf("Reference() = %q, want %q", got, tc.want)
			}
		})
	}
}
