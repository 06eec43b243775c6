/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// start serves content until the test ends, and returns the URL and the commits by the repositories' names.
func start(t *testing.T, content string) (url string, commits map[string]string) {
	t.Helper()
	addresses, commits := startWith(t, content, t.TempDir())
	return "http://" + addresses[0], commits
}

// startWith serves content to whoever has what is in the folder access, and returns the addresses for HTTP, HTTPS and SSH.
func startWith(t *testing.T, content, access string) (addresses []string, commits map[string]string) {
	t.Helper()
	git, err := findGit()
	must(t, err)
	const anyPort = "127.0.0.1:0"
	opts := options{
		address: anyPort, tlsAddress: anyPort, sshAddress: anyPort,
		access: access, repositories: filepath.Join(t.TempDir(), "repositories"),
	}
	commits, err = git.publish(t.Context(), content, opts.repositories)
	must(t, err)
	services, err := listen(opts, git, slog.New(slog.DiscardHandler))
	must(t, err)
	for _, s := range services {
		addresses = append(addresses, s.listener.Addr().String())
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- serveAll(ctx, services) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return addresses, commits
}

// configMap writes files the way that the kubelet mounts a ConfigMap: the visible names are links.
func configMap(t *testing.T, mount string, files map[string]string) {
	t.Helper()
	const hiddenFolder = "..2026_01_01_00_00_00.1"
	must(t, os.MkdirAll(mount, 0o755))
	must(t, os.Symlink(hiddenFolder, filepath.Join(mount, "..data")))
	for name, content := range files {
		path := filepath.Join(mount, hiddenFolder, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(content), 0o644))
		top, _, _ := strings.Cut(name, "/")
		err := os.Symlink(filepath.Join("..data", top), filepath.Join(mount, top))
		if err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCloneAndFetchByHash(t *testing.T) {
	files := map[string]string{"main.lua": "print('hello')\n", "lib/helper.lua": "return {}\n", "lib/deep.lua": "return 1\n"}
	content := t.TempDir()
	configMap(t, filepath.Join(content, "tests"), files)
	configMap(t, filepath.Join(content, "other"), map[string]string{"a.lua": "return 2\n"})
	must(t, os.WriteFile(filepath.Join(content, "not-a-folder"), nil, 0o644))
	url, commits := start(t, content)
	git, err := findGit()
	must(t, err)

	for name, tc := range map[string]struct {
		reason string
		fetch  [][]string
	}{
		"branch": {
			reason: "main is the default branch",
			fetch:  [][]string{{"clone", "--quiet", url + "/tests.git", "."}},
		},
		"tag, shallow": {
			reason: "the commit has a tag, and a shallow clone is possible",
			fetch:  [][]string{{"clone", "--quiet", "--depth=1", "--branch=v1.0.0", url + "/tests.git", "."}},
		},
		"hash": {
			reason: "a commit is fetched by its hash alone",
			fetch: [][]string{
				{"init", "--quiet"},
				{"fetch", "--quiet", "--depth=1", url + "/tests.git", commits["tests"]},
				{"checkout", "--quiet", "FETCH_HEAD"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			clone := t.TempDir()
			for _, args := range tc.fetch {
				if _, err := git.run(t.Context(), clone, args...); err != nil {
					t.Fatalf("%s: %v", tc.reason, err)
				}
			}
			if diff := cmp.Diff(files, read(t, clone)); diff != "" {
				t.Errorf("%s: files (-want +got):\n%s", tc.reason, diff)
			}
		})
	}

	if _, found := commits["not-a-folder"]; found || len(commits) != 2 {
		t.Errorf("published %v, want tests and other", commits)
	}
}

// A git that has much to say sends it in chunks.
func TestRequestWithoutLength(t *testing.T) {
	content := t.TempDir()
	configMap(t, filepath.Join(content, "tests"), map[string]string{"main.lua": "x = 1\n"})
	url, commits := start(t, content)

	body := struct{ io.Reader }{strings.NewReader("0014command=ls-refs\n0000")} // a Reader alone has no length
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/tests.git/git-upload-pack", body)
	must(t, err)
	request.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	request.Header.Set("Git-Protocol", "version=2")
	answer, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { _ = answer.Body.Close() }()
	got, err := io.ReadAll(answer.Body)
	must(t, err)
	if want := commits["tests"] + " refs/heads/main"; !strings.Contains(string(got), want) {
		t.Errorf("answered %s %q, want it to list %q", answer.Status, got, want)
	}
}

func TestRefused(t *testing.T) {
	content := t.TempDir()
	configMap(t, filepath.Join(content, "tests"), map[string]string{"main.lua": "x = 1\n"})
	url, _ := start(t, content)
	for path, want := range map[string]int{
		"/healthz": http.StatusOK,
		"/tests.git/info/refs?service=git-upload-pack":     http.StatusOK,
		"/tests.git/info/refs?service=git-receive-pack":    http.StatusForbidden,
		"/nothing.git/info/refs?service=git-upload-pack":   http.StatusNotFound,
		"/tests.git/../../etc/passwd":                      http.StatusNotFound,
		"/tests.git/info/refs?service=git-unknown-service": http.StatusForbidden,
	} {
		answer, err := http.Get(url + path)
		must(t, err)
		must(t, answer.Body.Close())
		if answer.StatusCode != want {
			t.Errorf("GET %s: status %d, want %d", path, answer.StatusCode, want)
		}
	}
}

func TestPublishAgain(t *testing.T) {
	git, err := findGit()
	must(t, err)
	content, repositories := t.TempDir(), t.TempDir()
	configMap(t, filepath.Join(content, "tests"), map[string]string{"main.lua": "x = 1\n"})
	first, err := git.publish(t.Context(), content, repositories)
	must(t, err)
	second, err := git.publish(t.Context(), content, repositories)
	must(t, err)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the same content made another commit after a restart (-first +second):\n%s", diff)
	}
}

func TestMissingContentIsNamed(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	err := run(options{content: missing, repositories: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "read the content: open "+missing) {
		t.Errorf("run without content: %v, want an error that names %s", err, missing)
	}
}

// read returns the files below a folder, without git's own.
func read(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	must(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if entry.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		files[name] = string(content)
		return err
	}))
	return files
}
