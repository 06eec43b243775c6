/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package git_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/topas-dev/topas/internal/driver/git"
)

// link commits submodules, path -> commit, that .gitmodules has the given content for.
func (r *repository) link(modules string, links map[string]string) string {
	r.t.Helper()
	write(r.t, r.dir, map[string]string{".gitmodules": modules})
	r.git("add", ".gitmodules")
	for name, commit := range links {
		r.git("update-index", "--add", "--cacheinfo", "160000,"+commit+","+name)
	}
	r.git("commit", "-q", "-m", "link")
	return r.git("rev-parse", "HEAD")
}

func module(name, path, url string) string {
	return fmt.Sprintf("[submodule %q]\n\tpath = %s\n\turl = %s\n", name, path, url)
}

func TestFetchSubmodules(t *testing.T) {
	plain, secured, elsewhere := newServer(t), newTLSServer(t), newServer(t)
	remote := newSSHServer(t, plain.dir)

	inner := plain.newRepository(t, "private/inner.git")
	innerCommit := inner.commit(map[string]string{"inner.lua": "-- inner"})
	inner.push()
	lib := plain.newRepository(t, "private/lib.git")
	lib.commit(map[string]string{"lib.lua": "-- lib"})
	libCommit := lib.link(module("inner", "deps/inner", "../inner.git"), map[string]string{"deps/inner": innerCommit})
	lib.git("commit", "-q", "--allow-empty", "-m", "later")
	lib.push()
	public := newHistory(t, elsewhere, "public.git")

	app := plain.newRepository(t, "private/app.git")
	app.commit(map[string]string{script: "-- app"})
	commit := app.link(
		module("lib", "lib", "../lib.git")+module("public", "third/party", elsewhere.url+"/public.git")+module("gone", "gone", "../gone.git"),
		map[string]string{"lib": libCommit, "third/party": public.second, "unnamed": public.second},
	)
	app.push()
	run(t, plain.dir, "git", "clone", "-q", "--mirror", app.bare, filepath.Join(secured.dir, "private", "app.git"))
	run(t, plain.dir, "git", "clone", "-q", "--mirror", lib.bare, filepath.Join(secured.dir, "private", "lib.git"))
	run(t, plain.dir, "git", "clone", "-q", "--mirror", inner.bare, filepath.Join(secured.dir, "private", "inner.git"))

	for _, tc := range []struct {
		reason string
		url    string
		secret map[string]string
	}{
		{"http", plain.url + "/private/app.git", map[string]string{"username": user, "password": password}},
		{"https", secured.url + "/private/app.git", map[string]string{"username": user, "password": password, "ca.crt": secured.ca}},
		{"ssh", "ssh://git@" + remote.address + "/private/app.git", map[string]string{"ssh-privatekey": remote.key, "known_hosts": remote.knownHosts}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			dir := t.TempDir()
			for range 2 { // what the first left is in the way of the second
				got, err := git.Fetch(t.Context(), git.Options{
					URL: tc.url, Credentials: secret(t, tc.secret), Path: "lib/deps/inner/inner.lua", Dir: dir,
				})
				if err != nil {
					t.Fatal(err)
				}
				if got != commit {
					t.Errorf("commit is %s, want %s", got, commit)
				}
			}
			want := map[string]string{
				script: "-- app", "lib/lib.lua": "-- lib", "lib/deps/inner/inner.lua": "-- inner", "third/party/" + script: "-- second",
			}
			for name, content := range want {
				if got := read(t, dir, name); got != content {
					t.Errorf("%s holds %q, want %q", name, got, content)
				}
			}
			heads := map[string]string{
				"lib":            strings.TrimSpace(run(t, filepath.Join(dir, "lib"), "git", "rev-parse", "HEAD")),
				"lib/deps/inner": strings.TrimSpace(run(t, filepath.Join(dir, "lib/deps/inner"), "git", "rev-parse", "HEAD")),
				"third/party":    strings.TrimSpace(run(t, filepath.Join(dir, "third/party"), "git", "rev-parse", "HEAD")),
			}
			if diff := cmp.Diff(map[string]string{"lib": libCommit, "lib/deps/inner": innerCommit, "third/party": public.second}, heads); diff != "" {
				t.Errorf("commits of the submodules (-want +got):\n%s", diff)
			}
			if entries, err := os.ReadDir(filepath.Join(dir, "unnamed")); err != nil || len(entries) != 0 {
				t.Errorf("the folder of a submodule without a name holds %v (%v), want nothing", entries, err)
			}
		})
	}
}

func TestFetchRefusesSubmodules(t *testing.T) {
	s, elsewhere := newServer(t), newServer(t)
	newHistory(t, elsewhere, "private/app.git")
	lib := newHistory(t, s, "private/lib.git")
	missing := strings.Repeat("0123456789", 4)

	for _, tc := range []struct {
		reason  string
		modules string
		links   map[string]string
		want    string
	}{
		{
			"a path out of the repository", module("lib", "../lib", "../lib.git"), nil,
			`.gitmodules: the path "../lib" of submodule "lib" leads out of the repository`,
		},
		{
			"an absolute path", module("lib", "/tmp/lib", "../lib.git"), nil,
			`.gitmodules: the path "/tmp/lib" of submodule "lib" leads out of the repository`,
		},
		{
			"a path into git's own folder", module("lib", ".git/hooks", "../lib.git"), nil,
			`.gitmodules: the path ".git/hooks" of submodule "lib" leads out of the repository`,
		},
		{"a file that is none", "[submodule", nil, "reading .gitmodules: "},
		{
			"a folder of the Pod", module("lib", "lib", "file://"+s.dir+"/lib.git"), map[string]string{"lib": lib.tip},
			`submodule "lib": file://` + s.dir + "/lib.git: the URL of the repository must begin with https://, http:// or ssh://",
		},
		{
			"a path of the Pod", module("lib", "lib", s.dir+"/lib.git"), map[string]string{"lib": lib.tip},
			`submodule "lib": ` + s.dir + "/lib.git: the URL of the repository must begin with https://, http:// or ssh://",
		},
		{
			"a commit that is not there", module("lib", "lib", "../lib.git"), map[string]string{"lib": missing},
			`submodule "lib": ` + s.url + `/private/lib.git: revision "` + missing + `" not found`,
		},
		{
			"SSH without a key", module("lib", "lib", "git@git.example.com:lib.git"), map[string]string{"lib": lib.tip},
			`submodule "lib": git@git.example.com:lib.git: SSH needs a Secret with the keys ssh-privatekey and known_hosts ` +
				"(it is on another server than " + s.url + "/private/app.git, and gets no credentials)",
		},
		{
			"a private repository of another server", module("lib", "lib", elsewhere.url+"/private/app.git"), map[string]string{"lib": lib.tip},
			`submodule "lib": ` + elsewhere.url + "/private/app.git: repository not found, or it needs a user and a password, or a token " +
				"(it is on another server than " + s.url + "/private/app.git, and gets no credentials)",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			app := s.newRepository(t, "private/app.git")
			app.commit(map[string]string{script: "-- app"})
			app.link(tc.modules, tc.links)
			app.push()
			t.Cleanup(func() { _ = os.RemoveAll(app.bare) })
			_, err := git.Fetch(t.Context(), git.Options{
				URL: s.url + "/private/app.git", Credentials: secret(t, map[string]string{"username": user, "password": password}),
				Path: script, Dir: t.TempDir(),
			})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is\n\t%v\nwant\n\t%s", err, tc.want)
			}
		})
	}
}

func TestFetchEndsSubmodulesInEachOther(t *testing.T) {
	s := newServer(t)
	app := s.newRepository(t, "app.git")
	commit := app.commit(map[string]string{script: "-- app"})
	for range 11 {
		commit = app.link(module("self", "self", "./"), map[string]string{"self": commit})
	}
	app.push()
	_, err := git.Fetch(t.Context(), git.Options{URL: s.url + "/app.git", Path: script, Dir: t.TempDir()})
	if want := `submodule "self": more than 10 submodules lie in each other`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is %v, want %s", err, want)
	}
}

// TestFetchKeepsSubmodulesBehindLinksOut makes a tree that git itself would not write: what looks like a folder on the
// way to the submodule is a symbolic link as well.
func TestFetchKeepsSubmodulesBehindLinksOut(t *testing.T) {
	s, outside := newServer(t), t.TempDir()
	lib := newHistory(t, s, "lib.git")
	app := s.newRepository(t, "app.git")
	write(t, app.dir, map[string]string{"target": outside, ".gitmodules": module("lib", "way/lib", "../lib.git"), script: "-- app"})
	app.git("add", "-A")
	link := app.git("hash-object", "-w", "target")
	modules := app.git("hash-object", "-w", ".gitmodules")
	file := func(name, content string) string {
		write(t, app.dir, map[string]string{name: content})
		return strings.TrimSpace(run(t, app.dir, "sh", "-c", "git mktree --missing < "+name))
	}
	folder := file("folder.txt", "160000 commit "+lib.tip+"\tlib\n")
	tree := file("tree.txt", "100644 blob "+modules+"\t.gitmodules\n120000 blob "+link+"\tway\n040000 tree "+folder+"\tway\n")
	commit := app.git("commit-tree", "-m", "malicious", tree)
	app.git("update-ref", "refs/heads/main", commit)
	app.push()

	if _, err := git.Fetch(t.Context(), git.Options{URL: s.url + "/app.git", Path: ".gitmodules", Dir: t.TempDir()}); err == nil {
		t.Error("no error")
	} else {
		t.Log(err)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 0 {
		t.Errorf("outside of the repository there are %v (%v)", entries, err)
	}
}
