/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/topas-dev/topas/internal/driver/git"
)

const script = "tests/upgrade_test.lua"

// history is a repository with three commits: first (tag v1.0.0), second (branch release/1.x, where it is the
// parent of the tip; in no tag), and the tip of main.
type history struct {
	*repository
	first, second, release, tip string
}

func newHistory(t *testing.T, s *server, name string) *history {
	t.Helper()
	h := &history{repository: s.newRepository(t, name)}
	h.first = h.commit(map[string]string{script: "-- first", "README.md": "read me"})
	h.git("tag", "-a", "v1.0.0", "-m", "first")
	h.git("tag", "-a", "stable", "-m", "tag of a tag", "v1.0.0")
	h.git("checkout", "-q", "-b", "release/1.x")
	h.second = h.commit(map[string]string{script: "-- second"})
	h.release = h.commit(map[string]string{script: "-- release"})
	h.git("checkout", "-q", "main")
	h.tip = h.commit(map[string]string{script: "-- tip", "tests/smoke_test.lua": "-- smoke"})
	h.push()
	return h
}

func TestFetchResolvesRevisions(t *testing.T) {
	s := newServer(t)
	h := newHistory(t, s, "app.git")
	generous := newHistory(t, s, "generous.git")
	run(t, generous.bare, "git", "config", "uploadpack.allowAnySHA1InWant", "true")

	for _, tc := range []struct {
		reason   string
		repo     *history
		name     string
		revision string
		commit   string
		content  string
		shallow  bool
	}{
		{"no revision is the default branch", h, "app.git", "", h.tip, "-- tip", true},
		{"a branch", h, "app.git", "release/1.x", h.release, "-- release", true},
		{"a branch by its full name", h, "app.git", "refs/heads/release/1.x", h.release, "-- release", true},
		{"an annotated tag is its commit", h, "app.git", "v1.0.0", h.first, "-- first", true},
		{"a tag of a tag is its commit", h, "app.git", "stable", h.first, "-- first", true},
		{"a full SHA that is the tip of a branch", h, "app.git", h.release, h.release, "-- release", true},
		{"a full SHA in capitals", h, "app.git", strings.ToUpper(h.release), h.release, "-- release", true},
		{"a full SHA that the server refuses is found in the whole history", h, "app.git", h.second, h.second, "-- second", false},
		{"a full SHA that the server gives away", generous, "generous.git", generous.second, generous.second, "-- second", true},
		{"a short SHA", h, "app.git", h.second[:8], h.second, "-- second", false},
		{"a short SHA with an odd number of digits", h, "app.git", h.second[:9], h.second, "-- second", false},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "made", "by", "fetch")
			commit, err := git.Fetch(t.Context(), git.Options{URL: s.url + "/" + tc.name, Revision: tc.revision, Path: script, Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			if commit != tc.commit {
				t.Errorf("commit is %s, want %s", commit, tc.commit)
			}
			if content := read(t, dir, script); content != tc.content {
				t.Errorf("%s holds %q, want %q", script, content, tc.content)
			}
			_, err = os.Stat(filepath.Join(dir, ".git", "shallow"))
			if shallow := err == nil; shallow != tc.shallow {
				t.Errorf("shallow: %v, want %v", shallow, tc.shallow)
			}
			if out := run(t, dir, "git", "status", "--porcelain"); out != "" {
				t.Errorf("git status is not clean:\n%s", out)
			}
		})
	}
}

func TestFetchSaysWhatIsMissing(t *testing.T) {
	s := newServer(t)
	h := newHistory(t, s, "app.git")
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		h.git("branch", "topic-"+name)
	}
	h.git("checkout", "-q", "-b", "links")
	symlink(t, h.dir, "/etc/passwd", "tests/absolute.lua")
	symlink(t, h.dir, "../../outside.lua", "tests/relative.lua")
	links := h.commit(nil)
	h.push()
	s.newRepository(t, "empty.git")
	newHistory(t, s, "private/app.git")
	none := s.newRepository(t, "none.git")
	none.commit(map[string]string{"README.md": "no script"})
	none.push()
	closed := closedAddress(t)

	for _, tc := range []struct {
		reason string
		o      git.Options
		want   string
	}{
		{
			"the repository does not exist", git.Options{URL: s.url + "/nowhere.git", Path: script},
			s.url + "/nowhere.git: repository not found",
		},
		{"the repository is empty", git.Options{URL: s.url + "/empty.git", Path: script}, s.url + "/empty.git: the repository is empty"},
		{
			"nobody listens", git.Options{URL: "http://" + closed + "/app.git", Path: script},
			"fetching http://" + closed + "/app.git: ",
		},
		{
			"a private repository without credentials", git.Options{URL: s.url + "/private/app.git", Path: script},
			s.url + "/private/app.git: repository not found, or it needs a user and a password, or a token",
		},
		{
			"a private repository with a wrong password", git.Options{
				URL: s.url + "/private/app.git", Path: script,
				Credentials: secret(t, map[string]string{"username": user, "password": "wrong-password"}),
			},
			s.url + "/private/app.git: the server refused the access: user or password is wrong, or lacks the right to read",
		},
		{
			"a branch that is not there lists the most similar names", git.Options{URL: s.url + "/app.git", Revision: "topic-x", Path: script},
			`/app.git: revision "topic-x" not found: it is no branch, tag or commit of the repository; there are topic-a, topic-b, topic-c, topic-d, topic-e and 5 more`,
		},
		{
			"a full SHA that is not there", git.Options{URL: s.url + "/app.git", Revision: strings.Repeat("0123456789", 4), Path: script},
			`revision "0123456789012345678901234567890123456789" not found: it is no branch, tag or commit of the repository; there are `,
		},
		{
			"a short SHA that is not there", git.Options{URL: s.url + "/app.git", Revision: "0123456789", Path: script},
			`revision "0123456789" not found: it is no branch, tag or commit of the repository; there are `,
		},
		{
			"a path that is not there lists the scripts, first the one of the same name", git.Options{URL: s.url + "/app.git", Path: "smoke_test.lua"},
			`/app.git: path "smoke_test.lua" not found in commit ` + h.tip + "; the .lua files in it are tests/smoke_test.lua, tests/upgrade_test.lua",
		},
		{
			"a path in a repository without scripts", git.Options{URL: s.url + "/none.git", Path: script},
			"; there is no .lua file in it",
		},
		{
			"a path that is a folder", git.Options{URL: s.url + "/app.git", Path: "tests"},
			`path "tests" in commit ` + h.tip + " is a folder, must be a file; the .lua files in it are tests/smoke_test.lua, tests/upgrade_test.lua",
		},
		{
			"an absolute symbolic link out of the repository", git.Options{URL: s.url + "/app.git", Revision: "links", Path: "tests/absolute.lua"},
			`path "tests/absolute.lua" in commit ` + links + " is or goes through a symbolic link that leads out of the repository",
		},
		{
			"a relative symbolic link out of the repository", git.Options{URL: s.url + "/app.git", Revision: "links", Path: "tests/relative.lua"},
			`path "tests/relative.lua" in commit ` + links + " is or goes through a symbolic link that leads out of the repository",
		},
		{
			"a path out of the repository", git.Options{URL: s.url + "/app.git", Path: "tests/../../x.lua"},
			`path "tests/../../x.lua" must stay inside the repository`,
		},
		{
			"a path into the repository's own folder", git.Options{URL: s.url + "/app.git", Path: "./.git/config"},
			`path "./.git/config" must stay inside the repository`,
		},
		{"no path", git.Options{URL: s.url + "/app.git"}, "the path of the script inside the repository is missing"},
		{"no URL", git.Options{Path: script}, "the URL of the repository is missing"},
		{
			"another scheme", git.Options{URL: "file://git:hidden@example.com/app.git", Path: script},
			"file://example.com/app.git: the URL of the repository must begin with https://, http:// or ssh://, or have the form user@host:path",
		},
		{
			"a password in the URL", git.Options{URL: "https://git:hidden@example.com/app.git", Path: script},
			"https://example.com/app.git: the URL of the repository must not hold a user name, password or token: give them in a Secret",
		},
		{
			"a token in the URL", git.Options{URL: "https://hidden@example.com/app.git", Path: script},
			"https://example.com/app.git: the URL of the repository must not hold a user name, password or token: give them in a Secret",
		},
		{
			"a password in an SSH URL", git.Options{URL: "ssh://git:hidden@example.com/app.git", Path: script},
			"ssh://example.com/app.git: the URL of the repository must not hold a user name, password or token: give them in a Secret",
		},
		{
			"a path into the repository of a submodule", git.Options{URL: s.url + "/app.git", Path: "lib/.git/config"},
			`path "lib/.git/config" must stay inside the repository`,
		},
		{"a URL that is none", git.Options{URL: "http://u:pa%ss@host", Path: script}, "the URL of the repository can't be parsed"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			tc.o.Dir = t.TempDir()
			_, err := git.Fetch(t.Context(), tc.o)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("error is\n\t%v\nwant\n\t%s", err, tc.want)
			}
			for _, secret := range []string{"wrong-password", "hidden", "pa%ss", "a long page"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("error shows %q: %v", secret, err)
				}
			}
		})
	}
}

func TestFetchCanBeRepeated(t *testing.T) {
	s := newServer(t)
	h := newHistory(t, s, "app.git")

	for _, tc := range []struct {
		reason string
		left   map[string]string
		fails  string
	}{
		{reason: "an empty folder"},
		{reason: "killed right after the folder was made", left: map[string]string{".git/": ""}},
		{reason: "killed while fetching", left: map[string]string{".git/topas-fetch": "", ".git/HEAD": "ref: refs/heads/x", ".git/objects/pack/tmp": "half"}},
		{reason: "killed while checking out", left: map[string]string{".git/topas-fetch": "", ".git/HEAD": "x", "tests/old.lua": "old", script: "old"}},
		{
			reason: "a folder of somebody else is left alone", left: map[string]string{"precious.txt": "mine"},
			fails: "is not empty and was not made by an earlier fetch: give an empty one",
		},
		{
			reason: "a clone of somebody else is left alone", left: map[string]string{".git/HEAD": "ref: refs/heads/main"},
			fails: "is not empty and was not made by an earlier fetch: give an empty one",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, tc.left)
			_, err := git.Fetch(t.Context(), git.Options{URL: s.url + "/app.git", Path: script, Dir: dir})
			if tc.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fails) {
					t.Fatalf("error is %v, want %s", err, tc.fails)
				}
				for name, content := range tc.left {
					if got := read(t, dir, name); got != content {
						t.Errorf("%s holds %q, want %q", name, got, content)
					}
				}
				return
			}
			for _, revision := range []string{"", "v1.0.0", h.second} {
				commit, err := git.Fetch(t.Context(), git.Options{URL: s.url + "/app.git", Revision: revision, Path: script, Dir: dir})
				if err != nil {
					t.Fatal(err)
				}
				if head := strings.TrimSpace(run(t, dir, "git", "rev-parse", "HEAD")); head != commit {
					t.Errorf("HEAD is %s, want %s", head, commit)
				}
				if out := run(t, dir, "git", "status", "--porcelain"); out != "" {
					t.Errorf("git status after revision %q is not clean:\n%s", revision, out)
				}
			}
		})
	}
}

func TestFetchStopsWithItsContext(t *testing.T) {
	called := make(chan struct{}, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		called <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-called
		cancel()
	}()
	if _, err := git.Fetch(ctx, git.Options{URL: srv.URL + "/app.git", Path: script, Dir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
}

// closedAddress is one that nobody listens on.
func closedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func symlink(t *testing.T, dir, target, name string) {
	t.Helper()
	if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// write writes files, name -> content, and makes folders for the names that end in a slash.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
