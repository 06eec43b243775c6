/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package mount

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnder(t *testing.T) {
	const mountinfo = `21 1 0:20 / / rw - ext4 /dev/vda rw
30 21 0:31 / /state/run rw shared:1 - tmpfs tmpfs rw
31 30 0:32 / /state/run/a\040b rw shared:2 - tmpfs tmpfs rw
32 21 0:33 / /state-of-another rw - tmpfs tmpfs rw
33 21 0:34 / /state rw - tmpfs tmpfs rw
`
	got, err := under(strings.NewReader(mountinfo), "/state")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/state", "/state/run/a b", "/state/run"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("latest first, only below the folder itself (-want +got):\n%s", diff)
	}
}
