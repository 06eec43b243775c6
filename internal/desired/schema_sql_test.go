/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/topas-dev/topas/test/servers/postgres"
)

func TestMain(m *testing.M) { os.Exit(postgres.Run(m)) }

// runSchema does what the Job's container does, and returns what psql printed and its exit code.
func runSchema(t *testing.T, server *postgres.Server, initSQL string) (string, int) {
	t.Helper()
	app, database := testApp(), testDatabase()
	database.InitSQL = initSQL
	folder := t.TempDir()
	for name, content := range SchemaConfigMap(app, database, testHolder).Data {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	container := SchemaJob(app, database, testHolder).Spec.Template.Spec.Containers[0]
	script := strings.ReplaceAll(container.Command[2], sqlMount, folder)
	psql := exec.Command(container.Command[0], container.Command[1], script)
	psql.Env = append(os.Environ(), "PGHOST="+server.Host, "PGPORT="+strconv.Itoa(server.Port),
		"PGUSER="+server.User, "PGPASSWORD="+server.Password, "PGDATABASE="+server.Database)
	out, err := psql.CombinedOutput()
	if psql.ProcessState == nil {
		t.Fatalf("run psql: %v", err)
	}
	return strings.ReplaceAll(string(out), folder, sqlMount), psql.ProcessState.ExitCode()
}

// TestSchemaIsAppliedOnce runs initSQL that fails when it is run twice.
func TestSchemaIsAppliedOnce(t *testing.T) {
	for _, tc := range []struct{ reason, sql string }{
		{"plain", "CREATE TABLE users (); INSERT INTO users DEFAULT VALUES;"},
		{"without the last semicolon", "CREATE TABLE users (); INSERT INTO users DEFAULT VALUES"},
		{"ending in a comment", "CREATE TABLE users (); INSERT INTO users DEFAULT VALUES; -- done"},
		{"as somebody else", "CREATE TABLE users (); INSERT INTO users DEFAULT VALUES; SET ROLE pg_monitor;"},
		{"as pg_dump leaves the session", "CREATE TABLE users (); INSERT INTO users DEFAULT VALUES; SELECT pg_catalog.set_config('search_path', '', false);"},
		{"with its own end of the script", "CREATE TABLE users (); INSERT INTO users DEFAULT VALUES;\n\\q\nnonsense"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			server := postgres.Start(t).NewDatabase(t)
			for try := range 3 {
				if out, code := runSchema(t, server, tc.sql); code != 0 {
					t.Fatalf("try %d: exit code %d: %s", try, code, out)
				}
			}
			if got := count(t, server, "users"); got != 1 {
				t.Errorf("%d rows, want the 1 of the first try", got)
			}
			// Other SQL is run, in the database as it is.
			if out, code := runSchema(t, server, "INSERT INTO public.users DEFAULT VALUES"); code != 0 {
				t.Fatalf("other SQL: exit code %d: %s", code, out)
			}
			if got := count(t, server, "users"); got != 2 {
				t.Errorf("%d rows after other SQL, want 2", got)
			}
		})
	}
}

func TestSchemaThatFails(t *testing.T) {
	server := postgres.Start(t).NewDatabase(t)
	out, code := runSchema(t, server, "CREATE TABLE users ();\nINSERT INTO nowhere DEFAULT VALUES;")
	want := "psql:/sql/init.sql:2: ERROR:  relation \"nowhere\" does not exist\nLINE 1: INSERT INTO nowhere DEFAULT VALUES;\n                    ^\n"
	if code != 3 || out != want {
		t.Errorf("exit code %d, want 3, output:\n%s\nwant psql's own error:\n%s", code, out, want)
	}
	// Nothing half-made is left, and it is run again.
	if out, code := runSchema(t, server, "CREATE TABLE users ();"); code != 0 {
		t.Errorf("after the failure: exit code %d: %s", code, out)
	}
}

func count(t *testing.T, server *postgres.Server, table string) int {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM public."+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
