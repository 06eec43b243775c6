/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package image

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPauseImageIsReproducible(t *testing.T) {
	program := []byte("a program")
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := WritePause(out, program); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same program gave two different images")
	}
	images, err := contents(&first)
	if err != nil {
		t.Fatal(err)
	}
	if len(images) != 1 || images[0].Name != PauseReference(program) || images[0].ID == "" {
		t.Errorf("the archive holds %+v, want the pause image with its id", images)
	}
}

func TestContents(t *testing.T) {
	digest := strings.Repeat("0a", 32)
	tests := map[string]struct {
		reason   string
		manifest string
		want     []Image
		failure  string
	}{
		"Buildah": {
			"the id is the name of the configuration",
			`[{"Config":"` + digest + `.json","RepoTags":["localhost/a:1","localhost/a:2"]}]`,
			[]Image{{"localhost/a:1", "sha256:" + digest}, {"localhost/a:2", "sha256:" + digest}}, "",
		},
		"Docker": {
			"newer engines write an OCI layout beside it",
			`[{"Config":"blobs/sha256/` + digest + `","RepoTags":["a:1"]}]`,
			[]Image{{"a:1", "sha256:" + digest}}, "",
		},
		"Odd": {
			"a name that is no digest is no id", `[{"Config":"config.json","RepoTags":["a:1"]}]`,
			[]Image{{"a:1", ""}}, "",
		},
		"Untagged": {"it could not be used by name", `[{"Config":"config.json"}]`, nil, "names no image"},
		"Garbled":  {"the file is named in the message", `{`, nil, "parsing manifest.json"},
		"Missing":  {"an OCI archive has no manifest.json", "", nil, "only uncompressed docker-archive"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			files := []file{{"layer.tar", 0o644, []byte("layer")}}
			if tc.manifest != "" {
				files = append(files, file{manifestName, 0o644, []byte(tc.manifest)})
			}
			content, err := archive(files...)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "image.tar")
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
			got, err := Contents(path)
			if tc.failure != "" {
				if err == nil || !strings.Contains(err.Error(), tc.failure) || !strings.Contains(err.Error(), path) {
					t.Errorf("%s: got error %v, want %q and the path", tc.reason, err, tc.failure)
				}
				return
			}
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("%s: %v (-want +got):\n%s", tc.reason, err, diff)
			}
		})
	}
}
