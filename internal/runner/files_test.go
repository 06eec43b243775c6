/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// configMap lays files out as the kubelet mounts a ConfigMap: each name is a link to a link to a hidden folder.
func configMap(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	hidden := "..2026_01_01_00_00_00.000000001"
	for name, content := range files {
		path := filepath.Join(dir, hidden, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(name, "/")
		if err := os.Symlink("..data/"+first, filepath.Join(dir, first)); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(hidden, filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestFilesAreFoundInTheirOrder(t *testing.T) {
	source := configMap(t, map[string]string{
		"suite/orders/test.lua": "", "suite/orders/near.json": "beside the script", "suite/orders/both.json": "beside the script",
		"suite/shared.json": "one up", "both.json": "in the root", "root.json": "in the root", "everywhere.json": "in the root",
	})
	bundle := configMap(t, map[string]string{"extra.json": "in the bundle", "everywhere.json": "in the bundle"})
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("outside"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"absolute.json": secret, "relative.json": "../../../../../" + secret} {
		if err := os.Symlink(target, filepath.Join(source, name)); err != nil {
			t.Fatal(err)
		}
	}
	files, err := openFiles([]string{source, bundle}, "suite/orders/test.lua")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := files.Close(); err != nil {
			t.Error(err)
		}
	}()

	for _, tc := range []struct{ reason, name, content, err string }{
		{reason: "beside the script", name: "near.json", content: "beside the script"},
		{reason: "beside the script comes before the root", name: "both.json", content: "beside the script"},
		{reason: "a folder up", name: "../shared.json", content: "one up"},
		{reason: "in the root", name: "root.json", content: "in the root"},
		{reason: "from the root", name: "suite/shared.json", content: "one up"},
		{reason: "in the bundle", name: "extra.json", content: "in the bundle"},
		{reason: "the first root comes before the second", name: "everywhere.json", content: "in the root"},
		{reason: "not there", name: "nowhere.json", err: "reading nowhere.json: file does not exist"},
		{reason: "a file is no folder", name: "root.json/x", err: "reading root.json/x: file does not exist"},
		{reason: "a folder", name: "suite", err: "reading suite: it is not a regular file"},
		{reason: "out of the roots by dots", name: "../../../secret", err: "the file ../../../secret lies outside of the test's files"},
		{reason: "out of the roots by an absolute link", name: "absolute.json", err: "reading absolute.json: path escapes from parent"},
		{reason: "out of the roots by a relative link", name: "relative.json", err: "reading relative.json: path escapes from parent"},
		{reason: "an absolute name", name: "/etc/passwd", err: `the file name "/etc/passwd" must be relative to the script`},
		{reason: "no name", name: "", err: `the file name "" must be relative to the script`},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			data, err := files.ReadFile(tc.name)
			if string(data) != tc.content {
				t.Errorf("content is %q, want %q", data, tc.content)
			}
			if got := errorText(err); !strings.HasPrefix(got, tc.err) || (tc.err == "") != (got == "") {
				t.Errorf("error is %q, want %q", got, tc.err)
			}
			if missing := strings.HasSuffix(tc.err, "file does not exist"); errors.Is(err, fs.ErrNotExist) != missing {
				t.Errorf("fs.ErrNotExist: %v, want %v", !missing, missing)
			}
		})
	}
}

func TestFilesThatAreTooLarge(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "large.json"), make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := openFiles([]string{dir}, "test.lua")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = files.Close() }()
	if _, err := files.ReadFile("large.json"); errorText(err) != "reading large.json: it has more than 16 MiB" {
		t.Errorf("error is %v", err)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
