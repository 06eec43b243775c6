/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package containerd

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseTable(t *testing.T) {
	const table = `REF                     TYPE                                                 DIGEST        SIZE    PLATFORMS   LABELS
localhost/a:1           application/vnd.docker.distribution.manifest.v2+json sha256:aa     1.1 MiB linux/amd64 -
localhost/a@sha256:aa   application/vnd.docker.distribution.manifest.v2+json sha256:aa     1.1 MiB linux/amd64 -
sha256:bb               application/vnd.docker.distribution.manifest.v2+json sha256:aa     1.1 MiB linux/amd64 -
`
	want := []entry{{"localhost/a:1", "sha256:aa"}}
	if diff := cmp.Diff(want, parseTable(table), cmp.AllowUnexported(entry{})); diff != "" {
		t.Errorf("only names, neither digests nor the header (-want +got):\n%s", diff)
	}
}
