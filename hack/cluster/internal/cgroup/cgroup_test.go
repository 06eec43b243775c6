/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cgroup

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHierarchies(t *testing.T) {
	const mountinfo = `33 30 0:27 / /sys/fs/cgroup rw shared:9 - tmpfs tmpfs rw,mode=755
34 33 0:28 / /sys/fs/cgroup/cpu rw shared:10 - cgroup cgroup rw,cpu
35 33 0:29 / /sys/fs/cgroup/unified rw shared:11 - cgroup2 cgroup2 rw
36 33 0:30 / /somewhere/else rw - cgroup cgroup rw,memory
`
	got, err := hierarchies(strings.NewReader(mountinfo))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/unified"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("version 1 and 2, but no tmpfs and no copies elsewhere (-want +got):\n%s", diff)
	}
}
