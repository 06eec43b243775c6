/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git_test

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/topas-dev/topas/internal/driver/git"
)

func TestFetchKeepsModesAndLinks(t *testing.T) {
	s := newServer(t)
	app := s.newRepository(t, "app.git")
	write(t, app.dir, map[string]string{script: "-- app", "bin/tool": "#!/bin/sh", "aux.lua": "-- a name that Windows has no files of", "tests/empty": ""})
	if err := os.Chmod(filepath.Join(app.dir, "bin/tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	symlink(t, app.dir, "../bin/tool", "tests/tool")
	symlink(t, app.dir, "/bin/tool", "tests/absolute")
	app.commit(nil)
	app.push()

	dir := t.TempDir()
	if _, err := git.Fetch(t.Context(), git.Options{URL: s.url + "/app.git", Path: "tests/tool", Dir: dir}); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, name := range []string{script, "bin", "bin/tool", "aux.lua", "tests/empty", "tests/tool", "tests/absolute"} {
		info, err := os.Lstat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got[name] = info.Mode().String()
	}
	for _, name := range []string{"tests/tool", "tests/absolute"} {
		target, err := os.Readlink(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got[name] += " " + target
	}
	if diff := cmp.Diff(map[string]string{
		script: "-rw-r--r--", "bin": "drwxr-xr-x", "bin/tool": "-rwxr-xr-x", "aux.lua": "-rw-r--r--", "tests/empty": "-rw-r--r--",
		"tests/tool": "Lrwxrwxrwx ../bin/tool", "tests/absolute": "Lrwxrwxrwx /bin/tool",
	}, got); diff != "" {
		t.Errorf("modes and links (-want +got):\n%s", diff)
	}
	if out := run(t, dir, "git", "status", "--porcelain"); out != "" {
		t.Errorf("git status is not clean:\n%s", out)
	}
}

// TestFetchStaysInItsFolder checks out trees that git itself would not write.
func TestFetchStaysInItsFolder(t *testing.T) {
	s, outside := newServer(t), t.TempDir()
	blob := func(r *repository, content string) string {
		write(t, r.dir, map[string]string{"blob": content})
		return r.git("hash-object", "-w", "blob")
	}
	tree := func(r *repository, entries ...string) string {
		var raw strings.Builder
		for i := 0; i < len(entries); i += 2 {
			hash, err := hex.DecodeString(entries[i+1])
			if err != nil {
				t.Fatal(err)
			}
			raw.WriteString(entries[i] + "\x00" + string(hash))
		}
		write(t, r.dir, map[string]string{"tree": raw.String()})
		return r.git("hash-object", "-t", "tree", "-w", "--literally", "tree")
	}
	for _, tc := range []struct {
		reason string
		tree   func(*repository) string
		want   string
	}{
		{"a file above the folder", func(r *repository) string {
			return tree(r, "100644 ../evil", blob(r, "x"))
		}, `the path "../evil" can't be a file's`},
		{"a folder above the folder", func(r *repository) string {
			return tree(r, "40000 ..", tree(r, "100644 evil", blob(r, "x")))
		}, `the path ".." can't be a file's`},
		{"an absolute path", func(r *repository) string {
			return tree(r, "100644 "+outside+"/evil", blob(r, "x"))
		}, `/evil" can't be a file's`},
		{"a path in one name", func(r *repository) string {
			return tree(r, "120000 way", blob(r, ".git"), "100644 way/config", blob(r, "x"))
		}, `the path "way/config" can't be a file's`},
		{"git's own folder", func(r *repository) string {
			return tree(r, "40000 .git", tree(r, "100644 config", blob(r, "x")))
		}, `the path ".git" can't be a file's`},
		{"git's own folder, further down and in capitals", func(r *repository) string {
			return tree(r, "40000 sub", tree(r, "40000 .GIT", tree(r, "100644 config", blob(r, "x"))))
		}, `the path "sub/.GIT" can't be a file's`},
		{"the folder itself", func(r *repository) string {
			return tree(r, "40000 .", tree(r, "100644 evil", blob(r, "x")))
		}, `making the folder "./": `},
		{"a folder that is a link out as well", func(r *repository) string {
			return tree(r, "120000 way", blob(r, outside), "40000 way", tree(r, "100644 evil", blob(r, "x")))
		}, `making the folder "way/": file exists`},
		{"a folder that is a link to git's own as well", func(r *repository) string {
			return tree(r, "120000 way", blob(r, ".git"), "40000 way", tree(r, "100644 config", blob(r, "x")))
		}, `making the folder "way/": file exists`},
		{"a submodule that is a link as well", func(r *repository) string {
			return tree(r, "120000 way", blob(r, outside), "160000 way", strings.Repeat("12", 20))
		}, `writing "way": file exists`},
		{"a file that is a link as well", func(r *repository) string {
			return tree(r, "120000 way", blob(r, outside+"/evil"), "100644 way", blob(r, "x"))
		}, `writing "way": file exists`},
		{"a link that is a file as well", func(r *repository) string {
			return tree(r, "100644 way", blob(r, "x"), "120000 way", blob(r, outside))
		}, `writing "way": symlinkat`},
		{"a link longer than any path", func(r *repository) string {
			return tree(r, "120000 way", blob(r, strings.Repeat("x", 5000)))
		}, `writing "way": symlinkat`},
		{"folders deeper than any path", func(r *repository) string {
			deep := tree(r, "100644 x", blob(r, "x"))
			for range 21 {
				deep = tree(r, "40000 "+strings.Repeat("d", 200), deep)
			}
			return deep
		}, `can't be a file's`},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			app := s.newRepository(t, "app.git")
			t.Cleanup(func() { _ = os.RemoveAll(app.bare) })
			app.git("update-ref", "refs/heads/main", app.git("commit-tree", "-m", "malicious", tc.tree(app)))
			app.push()
			dir := filepath.Join(t.TempDir(), "source")
			_, err := git.Fetch(t.Context(), git.Options{URL: s.url + "/app.git", Path: script, Dir: dir})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is\n\t%v\nwant\n\t%s", err, tc.want)
			}
			for _, folder := range []string{outside, filepath.Dir(dir)} {
				entries, err := os.ReadDir(folder)
				if err != nil {
					t.Fatal(err)
				}
				for _, entry := range entries {
					if entry.Name() != "source" {
						t.Errorf("outside of the repository there is %s", entry.Name())
					}
				}
			}
			if config := read(t, dir, ".git/config"); !strings.Contains(config, s.url) {
				t.Errorf("git's configuration is %q", config)
			}
		})
	}
}

// TestFetchWorkGrowsWithTheFiles counts allocations, which a busy machine does not change: whatever looks at all files of a
// folder for each of them makes them sixteen times as many.
func TestFetchWorkGrowsWithTheFiles(t *testing.T) {
	s := newServer(t)
	work := map[int]uint64{}
	for _, files := range []int{2_500, 10_000} {
		flat := s.newRepository(t, fmt.Sprintf("flat-%d.git", files))
		var stream strings.Builder
		stream.WriteString("commit refs/heads/main\ncommitter Test <test@example.com> 0 +0000\ndata 4\nflat\n")
		for i := range files {
			content := fmt.Sprintf("return %d", i)
			fmt.Fprintf(&stream, "M 644 inline flat/file-%d.lua\ndata %d\n%s\n", i, len(content), content)
		}
		write(t, flat.dir, map[string]string{"stream": stream.String()})
		run(t, flat.bare, "sh", "-c", "git fast-import --quiet < "+filepath.Join(flat.dir, "stream"))

		dir := t.TempDir()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := git.Fetch(t.Context(), git.Options{URL: s.url + "/" + filepath.Base(flat.bare), Path: "flat/file-0.lua", Dir: dir})
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Fatal(err)
		}
		work[files] = after.Mallocs - before.Mallocs
		if names, err := filepath.Glob(filepath.Join(dir, "flat", "*.lua")); err != nil || len(names) != files {
			t.Errorf("checked out %d files (%v), want %d", len(names), err, files)
		}
	}
	t.Logf("allocations: %v", work)
	if most := 8 * work[2_500]; work[10_000] > most {
		t.Errorf("four times the files need %d allocations, want at most %d", work[10_000], most)
	}
}
