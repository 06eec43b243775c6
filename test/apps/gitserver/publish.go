/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const (
	branch      = "main"
	laterBranch = "next"
	tag         = "v1.0.0"
	modulesFile = ".gitmodules"
)

// git is the git command with an environment of its own: neither a home nor the machine's configuration is needed.
type git struct{ path string }

func findGit() (*git, error) {
	path, err := exec.LookPath("git")
	if err != nil {
		return nil, fmt.Errorf("find the git command: %w", err)
	}
	return &git{path: path}, nil
}

// env makes commits the same whenever they are made, and repositories readable whoever owns their folder.
func (g *git) env() []string {
	const who, when = "TOPAS tests", "2026-01-01T00:00:00Z"
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		"GIT_AUTHOR_NAME=" + who, "GIT_AUTHOR_EMAIL=tests@topas.dev", "GIT_AUTHOR_DATE=" + when,
		"GIT_COMMITTER_NAME=" + who, "GIT_COMMITTER_EMAIL=tests@topas.dev", "GIT_COMMITTER_DATE=" + when,
	}
}

func (g *git) run(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, g.path, args...)
	cmd.Dir = dir
	cmd.Env = g.env()
	output, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", args[0], err, output)
	}
	return strings.TrimSpace(string(output)), nil
}

// publish makes a repository of every folder in content, and returns their commits by the folders' names. What an
// earlier start made is made again.
func (g *git) publish(ctx context.Context, content, repositories string) (map[string]string, error) {
	folders, err := os.ReadDir(content)
	if err != nil {
		return nil, fmt.Errorf("read the content: %w", err)
	}
	if err := os.MkdirAll(repositories, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the repositories: %w", err)
	}
	var names []string
	for _, folder := range folders {
		if info, err := os.Stat(filepath.Join(content, folder.Name())); err == nil && info.IsDir() && !hidden(folder.Name()) {
			names = append(names, folder.Name())
		}
	}
	// Those with submodules come after what they may have as such.
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(modules(filepath.Join(content, a)), modules(filepath.Join(content, b)))
	})
	commits := map[string]string{}
	for _, name := range names {
		commit, err := g.publishOne(ctx, filepath.Join(content, name), filepath.Join(repositories, name+".git"), commits)
		if err != nil {
			return nil, fmt.Errorf("make repository %s: %w", name, err)
		}
		commits[name] = commit
	}
	return commits, nil
}

// modules is 1 for a folder with submodules, else 0.
func modules(folder string) int {
	if _, err := os.Stat(filepath.Join(folder, modulesFile)); err != nil {
		return 0
	}
	return 1
}

// publishOne makes a repository of the folder source; others are the commits of the repositories that can be its submodules.
func (g *git) publishOne(ctx context.Context, source, repository string, others map[string]string) (commit string, err error) {
	if err := os.RemoveAll(repository); err != nil {
		return "", fmt.Errorf("remove what an earlier start made: %w", err)
	}
	work := repository + ".work"
	if err := os.RemoveAll(work); err != nil {
		return "", fmt.Errorf("remove what an earlier start made: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	if err := copyFolder(source, work); err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"init", "--quiet", "--bare", "--initial-branch=" + branch, repository},
		{"--git-dir=" + repository, "config", "uploadpack.allowReachableSHA1InWant", "true"},
		{"--git-dir=" + repository, "config", "http.receivepack", "false"},
		{"--git-dir=" + repository, "--work-tree=" + work, "add", "--all", "--force"},
	} {
		if _, err := g.run(ctx, filepath.Dir(repository), args...); err != nil {
			return "", err
		}
	}
	if err := g.addSubmodules(ctx, work, repository, others); err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"commit", "--quiet", "--allow-empty", "--message=Publish"},
		{"tag", tag},
		{"branch", laterBranch},
		{"symbolic-ref", "HEAD", "refs/heads/" + laterBranch},
		{"commit", "--quiet", "--allow-empty", "--message=Go on"},
		{"symbolic-ref", "HEAD", "refs/heads/" + branch},
	} {
		if _, err := g.run(ctx, work, append([]string{"--git-dir=" + repository, "--work-tree=" + work}, args...)...); err != nil {
			return "", err
		}
	}
	return g.run(ctx, repository, "rev-parse", branch)
}

// addSubmodules puts a commit in the place of every submodule: the one of the other repository that its URL ends with.
func (g *git) addSubmodules(ctx context.Context, work, repository string, others map[string]string) error {
	if modules(work) == 0 {
		return nil
	}
	config := []string{"config", "--file=" + filepath.Join(work, modulesFile)}
	lines, err := g.run(ctx, work, append(config, "--get-regexp", `^submodule\..*\.url$`)...)
	if err != nil {
		return err
	}
	for line := range strings.Lines(lines) {
		key, url, _ := strings.Cut(strings.TrimSpace(line), " ")
		place, err := g.run(ctx, work, append(config, "--get", strings.TrimSuffix(key, ".url")+".path")...)
		if err != nil {
			return err
		}
		entry := "160000," + others[strings.TrimSuffix(path.Base(url), ".git")] + "," + place
		if _, err := g.run(ctx, repository, "--git-dir="+repository, "update-index", "--add", "--cacheinfo", entry); err != nil {
			return err
		}
	}
	return nil
}

// hidden is what Kubernetes keeps beside the files of a mounted ConfigMap: ..data and the folder that it links to.
func hidden(name string) bool { return strings.HasPrefix(name, "..") }

// copyFolder copies what links point to, because the files of a mounted ConfigMap are links.
func copyFolder(source, target string) error {
	if err := os.MkdirAll(target, 0o755); err != nil {
		return fmt.Errorf("copy %s: %w", source, err)
	}
	entries, err := os.ReadDir(source)
	if err != nil {
		return fmt.Errorf("copy %s: %w", source, err)
	}
	for _, entry := range entries {
		if hidden(entry.Name()) {
			continue
		}
		from, to := filepath.Join(source, entry.Name()), filepath.Join(target, entry.Name())
		info, err := os.Stat(from)
		if err != nil {
			return fmt.Errorf("copy %s: %w", from, err)
		}
		if info.IsDir() {
			err = copyFolder(from, to)
		} else {
			err = copyFile(from, to, info.Mode().Perm())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string, mode os.FileMode) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy a file: %w", err)
	}
	defer func() { _ = source.Close() }()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("copy a file: %w", err)
	}
	_, err = io.Copy(target, source)
	if closeErr := target.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}
