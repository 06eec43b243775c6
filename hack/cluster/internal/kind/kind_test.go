/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package kind

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/topas-dev/topas/hack/cluster/internal/image"
	"github.com/topas-dev/topas/hack/cluster/internal/progress"
)

// recorder notes the command lines; only these can be wrong on our side.
type recorder struct {
	clusters string
	lines    []string
}

func (r *recorder) run(_ context.Context, program string, args ...string) ([]byte, error) {
	line := program + " " + strings.Join(args, " ")
	r.lines = append(r.lines, line)
	if line == "kind get clusters" {
		return []byte(r.clusters), nil
	}
	return nil, nil
}

func TestUp(t *testing.T) {
	tests := map[string]struct {
		reason   string
		clusters string
		want     []string
	}{
		"New": {
			"a cluster of another name is none of ours", "kind\ntopas-2\n",
			[]string{"kind get clusters", "kind create cluster --name topas --kubeconfig KUBECONFIG --wait 3m"},
		},
		"There": {
			"it is started again, and the kubeconfig restored", "topas\n",
			[]string{
				"kind get clusters", "docker start topas-control-plane",
				"kind export kubeconfig --name topas --kubeconfig KUBECONFIG",
				"docker exec topas-control-plane kubectl --kubeconfig=/etc/kubernetes/admin.conf wait --for=condition=Ready nodes --all --timeout=3m",
			},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state", "kubeconfig")
			commands := &recorder{clusters: tc.clusters}
			cluster := New(path, progress.To(io.Discard))
			cluster.run = commands.run
			if err := cluster.Up(t.Context()); err != nil {
				t.Fatal(err)
			}
			for i := range commands.lines {
				commands.lines[i] = strings.ReplaceAll(commands.lines[i], path, "KUBECONFIG")
			}
			if diff := cmp.Diff(tc.want, commands.lines); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestParseImages(t *testing.T) {
	got, err := parseImages([]byte(`{"images":[
		{"id":"sha256:b","repoTags":["localhost/b:1","localhost/a:1"]},{"id":"sha256:c","repoTags":[]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []image.Image{{Name: "localhost/a:1", ID: "sha256:b"}, {Name: "localhost/b:1", ID: "sha256:b"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("one entry a name, sorted (-want +got):\n%s", diff)
	}
}
