/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	lua "github.com/yuin/gopher-lua"

	"github.com/topas-dev/topas/api/v1alpha1"
	driver "github.com/topas-dev/topas/internal/driver/db"
	"github.com/topas-dev/topas/internal/lua/modules/db"
	"github.com/topas-dev/topas/internal/lua/vm"
	"github.com/topas-dev/topas/test/servers/postgres"
)

func TestMain(m *testing.M) { os.Exit(postgres.Run(m)) }

// app is an App with one database.
type app struct {
	spec   v1alpha1.DatabaseSpec
	target string
}

func (a app) Database(host string) (v1alpha1.DatabaseSpec, string, bool) {
	return a.spec, a.target, host == a.spec.Name || host == "mock-app-"+a.spec.Name
}

func (a app) Databases() []string { return []string{a.spec.Name} }

// newApp makes the database of the tutorial: the user admin and the database testdb with the table users.
func newApp(t *testing.T) app {
	t.Helper()
	server := postgres.Start(t)
	execute := func(ctx context.Context, dsn, sql string) {
		conn, err := pgx.Connect(ctx, dsn)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	execute(t.Context(), server.DSN(), "CREATE ROLE admin LOGIN PASSWORD 's3cret'")
	execute(t.Context(), server.DSN(), "CREATE DATABASE testdb OWNER admin")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		execute(ctx, server.DSN(), "DROP DATABASE testdb WITH (FORCE)")
		execute(ctx, server.DSN(), "DROP ROLE admin")
	})
	own := *server
	own.User, own.Password, own.Database = "admin", "s3cret", "testdb"
	execute(t.Context(), own.DSN(), "CREATE TABLE users (id serial, name text PRIMARY KEY, role text, extra jsonb)")
	return app{target: server.Host, spec: v1alpha1.DatabaseSpec{
		Name: "db", Port: int32(server.Port), Credentials: map[string]string{"user": "admin", "password": "s3cret", "dbname": "testdb"},
	}}
}

func run(t *testing.T, a app, script string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	client := driver.NewClient(a, nil)
	var output bytes.Buffer
	var deferred []lua.LValue
	module := db.New(client, func(function lua.LValue) { deferred = append(deferred, function) })
	machine := vm.New(vm.Config{Output: &output, Modules: map[string]lua.LGFunction{"db": module.Loader}})
	defer machine.Close()
	err := machine.Run(ctx, "test.lua", []byte(`local db = require("db") `+script))
	for _, function := range slices.Backward(deferred) {
		call := func(L *lua.LState) int {
			L.Push(function)
			L.Call(0, 0)
			return 0
		}
		if err := machine.Do(ctx, call); err != nil {
			t.Errorf("clean up: %v", err)
		}
	}
	if err := client.Close(ctx); err != nil {
		t.Errorf("close the client: %v", err)
	}
	return output.String(), err
}

func TestCalls(t *testing.T) {
	cases := []struct{ reason, script, want string }{
		{"the calls of the tutorial", `
			db.connect({ host="mock-app-db", user="admin", db="testdb" })    -- what is left out comes from the App
			db.seed({ table="users", rows={{name="alice", role="admin"}} })
			db.expect({ table="users", where={name="alice"} })
			print(db.query("SELECT current_user AS me, current_database() AS db")[1].me)`, "admin\n"},
		{"everything comes from the only database", `db.connect() print(#db.query("SELECT * FROM users"))`, "0\n"},
		{"a connection has the functions as methods", `
			local conn = db.connect()
			print(conn:exec("INSERT INTO users (name, role) VALUES ($1, $2), ($3, $4)", "a", "x", "b", db.NULL))
			for _, row in ipairs(conn:query("SELECT name, role FROM users ORDER BY name")) do print(row.name, row.role, row.role == db.NULL) end
			conn:expect{ table = "users", count = 2 } conn:truncate("users") conn:expect{ table = "users", absent = true }
			conn:seed{ table = "users", rows = { { name = "c" } } } print(getmetatable(conn), conn:query("SELECT id FROM users")[1].id)`,
			"2\na\tx\tfalse\nb\tnull\ttrue\ndb.conn\t1\n"},
		{"nil is NULL, and numbers and tables are bound", `
			db.connect()
			local row = db.query("SELECT $1::text AS a, $2::int AS b, $3::jsonb AS c, $4::text AS d", nil, 7, { x = {1, 2} }, nil)[1]
			print(row.a, row.b, row.c.x[2], row.d)`, "null\t7\t2\tnull\n"},
		{"the connection made last is taken", `
			local first, second = db.connect(), db.connect()
			local function pid(conn) return (conn and conn:query("SELECT pg_backend_pid() AS pid") or db.query("SELECT pg_backend_pid() AS pid"))[1].pid end
			print(pid() == pid(second), pid() == pid(first))`, "true\tfalse\n"},
		{"a transaction is committed, and returns what its function returns", `
			local conn, other = db.connect(), db.connect()
			print(conn:tx(function(tx)
				tx:seed{ table = "users", rows = { { name = "a" } } }
				other:expect{ table = "users", absent = true }
				return "x", tx:query("SELECT count(*) AS n FROM users")[1].n
			end))
			other:expect{ table = "users", count = 1 }`, "x\t1\n"},
		{"a transaction is rolled back when its function raises", `
			db.connect()
			print(pcall(db.tx, function()
				db.exec("INSERT INTO users (name) VALUES ('a')")
				pcall(db.tx, function() db.exec("INSERT INTO users (name) VALUES ('b')") error("inner") end)
				db.expect{ table = "users", count = 1, where = { name = "a" } }
				db.expect{ table = "users", absent = true, where = { name = "b" } }
				error("outer", 0)
			end))
			db.expect{ table = "users", absent = true }`, "false\touter\n"},
		{"a transaction in which a statement failed is not committed", `
			db.connect()
			print(pcall(function() db.tx(function()
				db.exec("INSERT INTO users (name) VALUES ('a')")
				pcall(db.exec, "SELECT nothing")
			end) end))
			db.expect{ table = "users", absent = true }`,
			"false\ttest.lua:3: the transaction is rolled back: one of its statements failed before\n"},
		{"what was read can be written and compared", `
			db.connect()
			db.exec("CREATE TABLE kinds (i int8, n numeric, f float8, s float4, t timestamptz, u uuid, j jsonb, a int8[], m text[], y bytea, b bool, x text)")
			db.exec([[INSERT INTO kinds VALUES (9007199254740993, 12345678901234567890.50, 0.1, 1.1, '2026-01-02 03:04:05.678901+02',
				'6ba7b810-9dad-11d1-80b4-00c04fd430c8', '{"a": [1, null, {"b": 9007199254740993}]}', '{1,NULL,9007199254740993}',
				'{{a,"b c"},{NULL,"\"}"}}', '\x00ff5c78', true, NULL)]])
			local row = db.query("SELECT * FROM kinds")[1]
			print(row.i, row.n, row.f, row.s, row.t, #row.y, row.y:byte(2), row.b, row.x, row.a[3], row.m[1][2], row.m[2][1] == db.NULL, row.m[2][2])
			row.j = nil -- a number of JSON has become a string
			db.expect{ table = "kinds", where = row, count = 1 }
			db.seed{ table = "kinds", rows = { row } }
			db.expect{ table = "kinds", where = row, count = 2 }`,
			"9007199254740993\t12345678901234567890.50\t0.1\t1.1\t2026-01-02T01:04:05.678901Z\t4\t255\ttrue\tnull\t9007199254740993\tb c\ttrue\t\"}\n"},
		{"what comes later is waited for", `
			db.connect()
			db.exec("INSERT INTO users (name) VALUES ('a')")
			db.expect_eventually({ table = "users", where = { name = "a" } })
			db.connect():expect_eventually({ table = "users", where = { name = "b" }, absent = true }, "5s")`, ""},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			got, err := run(t, newApp(t), c.script)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	a := newApp(t)
	cases := []struct {
		reason, script string
		kind           vm.Kind
		want           string
	}{
		{"an expectation that does not hold is an assertion", `
			db.connect() db.seed{ table = "users", rows = { { name = "bob", role = "guest" } } }
			db.expect{ table = "users", where = { name = "bob", role = "admin" } }`, vm.Assertion, strings.Join([]string{
			`table "users" has 0 rows where name = "bob", role = "admin", expected at least 1`, `  nearest rows:`, `    name = "bob", role = "guest"`}, "\n")},
		{"what does not come is an assertion too", `
			db.connect()
			db.expect_eventually({ table = "users", where = { name = "eve" } }, "1ms")`, vm.Assertion, strings.Join([]string{
			`not within 1ms; at last: table "users" has 0 rows where name = "eve", expected at least 1`, `  nearest rows:`, `    name = "bob"`}, "\n")},
		{"no function for a transaction", `db.connect() db.tx("BEGIN")`, vm.Raised, "bad argument #1 to tx (function expected, got string)"},
		{"a mistake in a transaction", `db.connect() db.tx(function(tx)
			tx:query("SELECT * FORM users") end)`, vm.Raised, `syntax error at or near "FORM" (SQLSTATE 42601), in: SELECT * FORM users`},
		{"a misspelled option", `db.connect() db.seed{ table = "users", rows = {}, clean_up = true }`, vm.Raised,
			`bad argument #1 to seed (unknown option "clean_up": did you mean "cleanup"?)`},
		{"too few values", `db.connect() db.query("SELECT $1::int + $2::int", 1)`, vm.Raised,
			"the statement needs 2 values, and 1 are given, in: SELECT $1::int + $2::int"},
		{"an unknown column", `db.connect() db.seed{ table = "users", rows = { { nam = "alice" } } }`, vm.Raised,
			`seed rows[1]: table "users" has no column "nam": it has id, name, role, extra`},
		{"an unknown table", `db.connect() db.expect{ table = "user" }`, vm.Raised, `expect: there is no table "user": database "testdb" has users`},
		{"a mistake in SQL", `db.connect() db.query("SELECT * FORM users")`, vm.Raised, `syntax error at or near "FORM" (SQLSTATE 42601), in: SELECT * FORM users`},
		{"a password that is wrong", `db.connect{ password = "wr0ng" }`, vm.Raised,
			`connect to database "testdb" on db (ADDRESS) as user "admin": wrong password or unknown user: password authentication failed for user "admin"`},
		{"no connection", `db.query("SELECT 1")`, vm.Raised, "there is no connection: call db.connect first"},
		{"no colon", `db.connect().query("SELECT 1")`, vm.Raised, "bad argument #1 to query (want a connection: write conn:query(...), with a colon)"},
		{"an unknown option", `db.connect{ database = "x" }`, vm.Raised, `bad argument #1 to connect (unknown option "database": known are "db", "host", "password", "port", "sslmode", "timeout", "user")`},
		{"no table", `db.connect() db.seed{ rows = {} }`, vm.Raised, `bad argument #1 to seed (option "table" is missing)`},
		{"a row that is no table", `db.connect() db.seed{ table = "users", rows = { "alice" } }`, vm.Raised,
			`bad argument #1 to seed (option "rows[1]": want a table, such as { name = value }, got the string "alice")`},
		{"a value that is a function", `db.connect() db.query("SELECT $1::text", print)`, vm.Raised, "bad argument #2 to query (a function can't be used as a value)"},
		{"a table name that is none", `db.connect() db.truncate(1)`, vm.Raised, "bad argument #1 to truncate (want the name of a table, got a number)"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			_, err := run(t, a, c.script)
			var got *vm.Error
			if !errors.As(err, &got) {
				t.Fatalf("Run gave %v, want an *Error", err)
			}
			want := &vm.Error{Kind: c.kind, File: "test.lua", Line: 1 + strings.Count(c.script, "\n")}
			want.Message = strings.ReplaceAll(c.want, "ADDRESS", address(a))
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(vm.Error{}, "Traceback")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if strings.Contains(got.Error()+got.Traceback, "wr0ng") {
				t.Errorf("the error has the password: %+v", got)
			}
		})
	}
}

func address(a app) string {
	return net.JoinHostPort(a.target, strconv.Itoa(int(a.spec.Port)))
}

func TestSeededRowsAreDeleted(t *testing.T) {
	a := newApp(t)
	_, err := run(t, a, `
		db.connect()
		db.exec("CREATE TABLE log (line text, at timestamptz DEFAULT now(), extra json)")
		db.seed{ table = "users", rows = { { name = "kept" } } }
		db.seed{ table = "log", rows = { { line = "kept" } } }`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = run(t, a, `
		db.connect()
		db.seed{ table = "users", rows = { { name = "a" }, { name = "b" } }, cleanup = true }
		db.exec("UPDATE users SET role = 'changed' WHERE name = 'a'")
		db.exec("DELETE FROM users WHERE name = 'b'")
		db.seed{ table = "log", rows = { { line = "kept" }, { extra = { x = 1 } } }, cleanup = true }
		db.expect{ table = "users", count = 2 }
		error("on purpose", 0)`)
	if err == nil || err.Error() != "test.lua:8: on purpose" {
		t.Errorf("Run gave %v", err)
	}
	if _, err := run(t, a, `
		db.connect()
		db.expect{ table = "users", count = 1 } db.expect{ table = "users", where = { name = "kept" } }
		db.expect{ table = "log", count = 1 } db.expect{ table = "log", where = { line = "kept" } }`); err != nil {
		t.Error(err)
	}
}
