/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package bundle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree writes files below a new folder, and makes the folder "work" in it the current one.
func tree(t *testing.T, files map[string]string) {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "work"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(root, "work"))
}

func TestLoad(t *testing.T) {
	files := map[string]string{
		"work/a_test.lua":            "print(1)",
		"work/tests/b_test.lua":      "print(2)",
		"work/tests/lib/users.lua":   "return {}",
		"work/tests/api.json":        "{}",
		"work/data/seed.json":        "[]",
		"work/data/.cache/x":         "hidden",
		"work/data/.env":             "hidden",
		"other/shared/fixtures/f.js": "1",
		"other/one.json":             "2",
	}
	for _, tc := range []struct {
		reason string
		opts   Options
		want   Bundle
	}{
		{
			reason: "a script alone",
			opts:   Options{Script: "a_test.lua"},
			want:   Bundle{ScriptName: "a_test.lua", Script: "print(1)"},
		},
		{
			reason: "files below the script's folder are named from there, and the script is not taken twice",
			opts:   Options{Script: "tests/b_test.lua", Include: []string{"tests"}},
			want:   Bundle{ScriptName: "b_test.lua", Script: "print(2)", Files: map[string]string{"lib/users.lua": "return {}", "api.json": "{}"}},
		},
		{
			reason: "files elsewhere below the current folder are named from there; hidden ones stay",
			opts:   Options{Script: "tests/b_test.lua", Include: []string{"data"}},
			want:   Bundle{ScriptName: "b_test.lua", Script: "print(2)", Files: map[string]string{"data/seed.json": "[]"}},
		},
		{
			reason: "what lies outside of both has its own name, a folder with what is in it",
			opts:   Options{Script: "a_test.lua", Include: []string{"../other/shared", "../other/one.json"}},
			want:   Bundle{ScriptName: "a_test.lua", Script: "print(1)", Files: map[string]string{"shared/fixtures/f.js": "1", "one.json": "2"}},
		},
		{
			reason: "the same file by two ways is one file",
			opts:   Options{Script: "a_test.lua", Include: []string{"tests/lib", "./tests/lib/users.lua", "tests/../tests/lib"}},
			want:   Bundle{ScriptName: "a_test.lua", Script: "print(1)", Files: map[string]string{"tests/lib/users.lua": "return {}"}},
		},
		{
			reason: "a script from standard input has no name, and its folder is the current one",
			opts:   Options{Script: Stdin, In: strings.NewReader("print(3)"), Include: []string{"tests/api.json"}},
			want:   Bundle{Script: "print(3)", Files: map[string]string{"tests/api.json": "{}"}},
		},
		{
			reason: "files for a script that comes from git",
			opts:   Options{Include: []string{"data"}},
			want:   Bundle{Files: map[string]string{"data/seed.json": "[]"}},
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			tree(t, files)
			got, err := Load(tc.opts)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("bundle (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	files := map[string]string{
		"work/a.lua":              "print(1)",
		"work/sub/a.lua":          "print(2)",
		"work/big.json":           strings.Repeat("x", 900<<10),
		"work/bigger.json":        strings.Repeat("x", 120<<10),
		"work/huge.json":          strings.Repeat("x", 2<<20),
		"work/quotes.json":        strings.Repeat(`"<`, 400<<10),
		"work/long.lua":           strings.Repeat("-", 256<<10+1),
		"work/image.png":          "\x89PNG\r\n\x1a\n",
		"work/zero.txt":           "a\x00b",
		"work/na:me.txt":          "x",
		"other/dir1/f.json":       "1",
		"other/dir2/f.json":       "2",
		"other/a.lua":             "3",
		"work/many/placeholder.x": "",
	}
	for i := range MaxFiles {
		files[fmt.Sprintf("work/many/%d.txt", i)] = ""
	}
	for _, tc := range []struct {
		reason string
		opts   Options
		want   []string
	}{
		{"a script that is not there", Options{Script: "nope.lua"}, []string{"script nope.lua does not exist"}},
		{"a folder for a script", Options{Script: "sub"}, []string{"script sub is a folder"}},
		{"a binary script", Options{Script: "image.png"}, []string{"image.png is a binary file"}},
		{"a script that the runner does not compile", Options{Script: "long.lua"}, []string{"256.0 KiB", "--include"}},
		{"an included file that is not there", Options{Script: "a.lua", Include: []string{"nope.json"}}, []string{"included file nope.json does not exist"}},
		{"a binary file", Options{Script: "a.lua", Include: []string{"image.png"}}, []string{"image.png is a binary file"}},
		{"a zero byte is not text", Options{Script: "a.lua", Include: []string{"zero.txt"}}, []string{"zero.txt is a binary file"}},
		{"a name that the API refuses", Options{Script: "a.lua", Include: []string{"na:me.txt"}}, []string{"na:me.txt", "letters, digits"}},
		{"two files of one name", Options{Script: "a.lua", Include: []string{"../other/dir1/f.json", "../other/dir2/f.json"}}, []string{"../other/dir1/f.json and ../other/dir2/f.json", `"f.json"`}},
		{"a file with the name of the script", Options{Script: "a.lua", Include: []string{"../other/a.lua"}}, []string{"a.lua and ../other/a.lua", `"a.lua"`}},
		{"too much together", Options{Script: "a.lua", Include: []string{"big.json", "bigger.json"}}, []string{"1020.0 KiB", "at most 1008.0 KiB", "900.0 KiB  big.json", "120.0 KiB  bigger.json"}},
		{"a file that is too large by itself is not even read", Options{Script: "a.lua", Include: []string{"huge.json"}}, []string{"2048.0 KiB  huge.json"}},
		{"a file that grows when it is encoded", Options{Script: "a.lua", Include: []string{"quotes.json"}}, []string{"encoded as JSON", "1400.0 KiB"}},
		{"too many files", Options{Script: "a.lua", Include: []string{"many"}}, []string{"257 files", "at most 256"}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			tree(t, files)
			b, err := Load(tc.opts)
			if err == nil {
				t.Fatalf("Load(%+v) = %+v, want an error", tc.opts, b)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is %q, want %q in it", err, want)
				}
			}
		})
	}
}
