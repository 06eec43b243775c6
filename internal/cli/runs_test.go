/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

func TestNewestOf(t *testing.T) {
	run := func(name string, age time.Duration) v1alpha1.TestRun {
		return v1alpha1.TestRun{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, CreationTimestamp: ago(age)}}
	}
	for _, tc := range []struct {
		reason string
		n      int
		want   []string
	}{
		{"all of them", 0, []string{"new", "a", "b", "old"}},
		{"more than there are", 9, []string{"new", "a", "b", "old"}},
		{"some, by name among those of the same second", 2, []string{"new", "a"}},
	} {
		var got []string
		for _, run := range newestOf([]v1alpha1.TestRun{run("old", time.Hour), run("b", time.Minute), run("new", 0), run("a", time.Minute)}, tc.n) {
			got = append(got, run.Name)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
		}
	}
}
