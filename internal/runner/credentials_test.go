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
	"testing"

	"github.com/google/go-cmp/cmp"
)

// secretVolume lays the folders of databases out as the kubelet does: the names in the volume are symbolic links into
// the folder that is current, which is another link.
func secretVolume(t *testing.T, secrets map[string]map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, keys := range secrets {
		folder := filepath.Join(dir, "..2026_01_02", name)
		must(t, os.MkdirAll(folder, 0o755))
		for key, value := range keys {
			must(t, os.WriteFile(filepath.Join(folder, key), []byte(value), 0o440))
		}
		must(t, os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)))
	}
	must(t, os.Symlink("..2026_01_02", filepath.Join(dir, "..data")))
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCredentialsAreRead(t *testing.T) {
	dir := secretVolume(t, map[string]map[string]string{
		"db":     {"user": "admin", "password": " p4ss word\n", "dbname": "testdb"},
		"orders": {"user": "clerk"},
	})
	for _, tc := range []struct {
		reason, dir, database string
		want                  map[string]string
	}{
		{"every byte of a value counts, as it does for the database", dir, "db",
			map[string]string{"user": "admin", "password": " p4ss word\n", "dbname": "testdb"}},
		{"only some keys are there", dir, "orders", map[string]string{"user": "clerk"}},
		{"the Secret is missing", dir, "stock", nil},
		{"nothing is mounted", filepath.Join(dir, "nowhere"), "db", nil},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got, err := credentials{dir: tc.dir}.Credentials(tc.database)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("credentials (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCredentialsThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "db", "password"), 0o755))
	var failed *fs.PathError
	if got, err := (credentials{dir: dir}).Credentials("db"); !errors.As(err, &failed) {
		t.Errorf("Credentials returned %v, %v", got, err)
	}
}
