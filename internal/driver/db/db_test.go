/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/servers/postgres"
)

func TestMain(m *testing.M) { os.Exit(postgres.Run(m)) }

// app is an App whose databases all are one of the tests' server, by their names.
type app map[string]*postgres.Server

func (a app) Database(host string) (v1alpha1.DatabaseSpec, string, bool) {
	for name, server := range a {
		if host == name || host == "shop-"+name {
			return v1alpha1.DatabaseSpec{Name: name, Port: int32(server.Port), Credentials: map[string]string{
				"user": server.User, "password": server.Password, "dbname": server.Database,
			}}, server.Host, true
		}
	}
	return v1alpha1.DatabaseSpec{}, "", false
}

func (a app) Databases() []string {
	names := []string{}
	for name := range a {
		names = append(names, name)
	}
	return names
}

const schema = `
CREATE TABLE users (
	id serial PRIMARY KEY, name text NOT NULL UNIQUE, role text DEFAULT 'guest', age int, tags text[], extra jsonb, "odd ""name" json);
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id int, user_id int REFERENCES users);`

// connect returns a connection to a new database with the schema.
func connect(t *testing.T) *Conn {
	t.Helper()
	client := newTestClient(t, app{"db": postgres.Start(t).NewDatabase(t)})
	conn, err := client.Connect(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	return conn
}

func newTestClient(t *testing.T, a App) *Client {
	t.Helper()
	return closed(t, NewClient(a, nil))
}

// closed closes a client when the test is over.
func closed(t *testing.T, client *Client) *Client {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := client.Close(ctx); err != nil {
			t.Errorf("close the client: %v", err)
		}
	})
	return client
}

func TestConnect(t *testing.T) {
	server := postgres.Start(t).NewDatabase(t)
	client := newTestClient(t, app{"db": server})
	for _, c := range []struct {
		reason  string
		options Options
	}{
		{"everything comes from the only database of the App", Options{}},
		{"the host may be the short name", Options{Host: "db"}},
		{"some may be given", Options{Host: "shop-db", User: server.User, Database: server.Database}},
		{"another host needs everything", Options{
			Host: server.Host, Port: server.Port, User: server.User, Password: server.Password, Database: server.Database, SSLMode: "disable",
		}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			conn, err := client.Connect(t.Context(), c.options)
			if err != nil {
				t.Fatal(err)
			}
			got, err := conn.Query(t.Context(), "SELECT current_database() AS db, 1 AS one")
			if err != nil {
				t.Fatal(err)
			}
			want := []map[string]any{{"db": server.Database, "one": int64(1)}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConnectErrors(t *testing.T) {
	server := postgres.Start(t).NewDatabase(t)
	wrong := *server
	wrong.Password = "wr0ng-secret"
	dead := *server
	dead.Port = deadPort(t)
	one, two := app{"db": server}, app{"a": server, "b": server}
	at := func(s *postgres.Server) string { return fmt.Sprintf("%s:%d", s.Host, s.Port) }
	cases := []struct {
		reason  string
		app     app
		options Options
		want    string
	}{
		{"the App's password is wrong", app{"db": &wrong}, Options{Host: "shop-db"},
			fmt.Sprintf(`connect to database "%s" on shop-db (%s) as user "%s": wrong password or unknown user: password authentication failed for user "%s"`,
				server.Database, at(server), server.User, server.User)},
		{"the database does not exist", one, Options{Database: "nope"},
			fmt.Sprintf(`connect to database "nope" on db (%s) as user "%s": database "nope" does not exist (SQLSTATE 3D000)`, at(server), server.User)},
		{"nobody listens", app{"db": &dead}, Options{Timeout: 300 * time.Millisecond},
			fmt.Sprintf(`connect to database "%s" on db (%s) as user "%s": not within 300ms; at last: dial tcp %s: connect: connection refused`, server.Database, at(&dead), server.User, at(&dead))},
		{"another user needs a password", one, Options{Host: "db", User: "other"},
			`connect: the password for user "other" on db is missing: the App has only its own user's`},
		{"another host needs a user", one, Options{Host: "example.com"},
			`connect: the user is missing, and example.com is no database of the App (those are db)`},
		{"another host needs a database", app{}, Options{Host: "example.com", User: "u", Password: "p"},
			`connect: the database is missing, and example.com is no database of the App (it has none)`},
		{"no host, and no database", app{}, Options{}, `connect: host is missing, and the App has no database`},
		{"an unknown sslmode", one, Options{SSLMode: "maybe"},
			fmt.Sprintf(`connect to database "%s" on db (%s) as user "%s": the port, the sslmode "maybe" or another setting is not valid`, server.Database, at(server), server.User)},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			_, err := newTestClient(t, c.app).Connect(t.Context(), c.options)
			if err == nil {
				t.Fatal("Connect succeeded")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if strings.Contains(fmt.Sprintf("%v %+v", err, err), "wr0ng-secret") {
				t.Errorf("the error has the password: %+v", err)
			}
		})
	}
	if _, err := newTestClient(t, two).Connect(t.Context(), Options{}); err == nil || !strings.HasPrefix(err.Error(), "connect: host is missing, and the App has several databases: ") {
		t.Errorf("without a host and with several databases, Connect gave %v", err)
	}
}

// A server that has to start is waited for.
func TestConnectWaits(t *testing.T) {
	server := postgres.Start(t).NewDatabase(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	late := *server
	late.Port = listener.Addr().(*net.TCPAddr).Port
	client := newTestClient(t, app{"db": &late})
	go proxy(t, listener, server.Port)
	conn, err := client.Connect(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Query(t.Context(), "SELECT 1"); err != nil {
		t.Error(err)
	}
}

// turnedAway is how many connections it takes until the server behind proxy has started: those of more than one attempt.
const turnedAway = 5

// proxy passes connections on, but for the first ones.
func proxy(t *testing.T, listener net.Listener, to int) {
	for number := 1; ; number++ {
		in, err := listener.Accept()
		if err != nil {
			return
		}
		if number <= turnedAway {
			_ = in.Close()
			continue
		}
		out, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", to))
		if err != nil {
			t.Error(err)
			return
		}
		for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
			go func() {
				_, _ = io.Copy(pair[0], pair[1])
				_ = pair[0].Close()
			}()
		}
	}
}

func TestConnectEndsWithTheContext(t *testing.T) {
	server := *postgres.Start(t).NewDatabase(t)
	server.Port = deadPort(t)
	ctx, cancel := context.WithTimeout(t.Context(), connectInterval)
	defer cancel()
	_, err := newTestClient(t, app{"db": &server}).Connect(ctx, Options{})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "; at last: dial tcp ") {
		t.Errorf("Connect gave %v", err)
	}
}

func deadPort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().(*net.TCPAddr).Port
}

func TestQueryValues(t *testing.T) {
	conn := connect(t)
	got, err := conn.Query(t.Context(), `SELECT
		true AS bool, 1::int2 AS int2, 2::int4 AS int4, 9007199254740993::int8 AS int8, 1.5::float4 AS float4, 0.1::float8 AS float8,
		'a'::text AS text, 'b'::varchar(3) AS varchar, 'c'::char(2) AS char, 'd'::name AS name, NULL::int AS nothing,
		9.99::numeric AS price, 42::numeric AS whole, 12345678901234567890.5::numeric AS exact, 'NaN'::numeric AS nan,
		'{"a": [1, 12345678901234567890, null]}'::jsonb AS jsonb, '[1]'::json AS json, '"s"'::jsonb AS scalar,
		'2026-01-02'::date AS date, '2026-01-02 03:04:05.6'::timestamp AS timestamp, '2026-01-02 03:04:05+02'::timestamptz AS timestamptz,
		'03:04:05'::time AS time, '1 day 02:00:00'::interval AS interval,
		'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid AS uuid, '\x0102'::bytea AS bytea, '10.0.0.0/8'::cidr AS cidr,
		'{1,NULL,3}'::int[] AS ints, '{a,b}'::text[] AS texts, '{2026-01-02}'::date[] AS dates, '{1.5}'::numeric[] AS numerics, '{}'::int[] AS empty`)
	if err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{
		"bool": true, "int2": int64(1), "int4": int64(2), "int8": int64(9007199254740993), "float4": 1.5, "float8": 0.1,
		"text": "a", "varchar": "b", "char": "c ", "name": "d", "nothing": nil,
		"price": 9.99, "whole": int64(42), "exact": "12345678901234567890.5", "nan": math.NaN(),
		"jsonb": map[string]any{"a": []any{json.Number("1"), json.Number("12345678901234567890"), nil}}, "json": []any{json.Number("1")}, "scalar": "s",
		"date": "2026-01-02", "timestamp": "2026-01-02T03:04:05.6", "timestamptz": "2026-01-02T01:04:05Z",
		"time": "03:04:05", "interval": "1 day 02:00:00",
		"uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "bytea": []byte{1, 2}, "cidr": "10.0.0.0/8",
		"ints": []any{int64(1), nil, int64(3)}, "texts": []any{"a", "b"}, "dates": []any{"2026-01-02"}, "numerics": []any{1.5}, "empty": []any{},
	}}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestQueryArguments(t *testing.T) {
	conn := connect(t)
	got, err := conn.Query(t.Context(),
		`SELECT $1::text AS text, $2::int AS int, $3::float8 AS float, $4::bool AS bool, $5::jsonb AS json, $6::int[] AS ints,
			$7::timestamptz AS time, $8::numeric AS numeric, $9::uuid AS uuid, $10::text AS nothing, $11::numeric AS half, $12::float8 AS whole`,
		"'; DROP TABLE users; --", int64(7), 1.5, true, map[string]any{"a": []any{int64(1)}}, []any{int64(1), nil},
		"2026-01-02T03:04:05Z", int64(3), "6ba7b810-9dad-11d1-80b4-00c04fd430c8", nil, 0.5, int64(2))
	if err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{
		"text": "'; DROP TABLE users; --", "int": int64(7), "float": 1.5, "bool": true, "json": map[string]any{"a": []any{json.Number("1")}},
		"ints": []any{int64(1), nil}, "time": "2026-01-02T03:04:05Z", "numeric": int64(3), "uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
		"nothing": nil, "half": 0.5, "whole": float64(2),
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// Whatever is read can be written again, and is the same then.
func TestValuesThatAreReadCanBeWritten(t *testing.T) {
	conn := connect(t)
	if _, err := conn.Exec(t.Context(), `CREATE TYPE mood AS ENUM ('sad', 'very "happy"'); CREATE TYPE pair AS (a int, b text);
		CREATE DOMAIN positive AS int CHECK (VALUE > 0); CREATE DOMAIN document AS jsonb; SET TIME ZONE 'Asia/Kolkata'`); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		kind, literal string
		want          any
	}{
		{"bool", "true", true},
		{"int2", "-32768", int64(-32768)},
		{"int8", "9223372036854775807", int64(9223372036854775807)},
		{"int8", "-9223372036854775808", int64(-9223372036854775808)},
		{"oid", "4294967295", int64(4294967295)},
		{"float4", "1.1", 1.1},
		{"float4", "3.4028235e38", 3.4028235e38},
		{"float8", "5e-324", 5e-324},
		{"float8", "-Infinity", math.Inf(-1)},
		{"numeric", "0.10", 0.1},
		{"numeric", "123456789.123456789", "123456789.123456789"},
		{"numeric", "1e30", "1" + strings.Repeat("0", 30)},
		{"numeric", "Infinity", math.Inf(1)},
		{"numeric(10,2)", "12.5", 12.5},
		{"money", "$1,234.50", "$1,234.50"},
		{"text", `"; \ ' ü`, `"; \ ' ü`},
		{"text", "", ""},
		{"char(3)", "a", "a  "},
		{"bytea", `\x`, []byte{}},
		{"bytea", `\x00ff5c7827`, []byte("\x00\xff\\x'")},
		{"date", "2026-01-02", "2026-01-02"},
		{"date", "0044-03-15 BC", "0044-03-15 BC"},
		{"timestamp", "2026-01-02 03:04:05.678901", "2026-01-02T03:04:05.678901"},
		{"timestamp", "infinity", "infinity"},
		{"timestamptz", "2026-01-02 03:04:05.6+00", "2026-01-02T03:04:05.6Z"},
		{"timestamptz", "1890-01-01 00:00:00+00", "1890-01-01T00:00:00Z"},
		{"timestamptz", "-infinity", "-infinity"},
		{"time", "03:04:05.5", "03:04:05.5"},
		{"timetz", "03:04:05+02", "03:04:05+02"},
		{"interval", "1 year 2 mons -3 days 04:05:06.7", "1 year 2 mons -3 days +04:05:06.7"},
		{"uuid", "6BA7B810-9dad-11d1-80b4-00c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"},
		{"jsonb", `{"a": [1, 12345678901234567890.5, null, "x"], "b": {}}`, map[string]any{
			"a": []any{json.Number("1"), json.Number("12345678901234567890.5"), nil, "x"}, "b": map[string]any{}}},
		{"jsonb", `[[1], []]`, []any{[]any{json.Number("1")}, []any{}}},
		{"document", `{"a": 1}`, map[string]any{"a": json.Number("1")}},
		{"inet", "10.0.0.1/8", "10.0.0.1/8"},
		{"macaddr", "08:00:2b:01:02:03", "08:00:2b:01:02:03"},
		{"bit(4)", "1010", "1010"},
		{"int4range", "[1,5)", "[1,5)"},
		{"tsvector", "'a':1 'b'", "'a':1 'b'"},
		{"mood", `very "happy"`, `very "happy"`},
		{"pair", `(1,"a b")`, `(1,"a b")`},
		{"positive", "5", int64(5)},
		{"int8[]", "{1,NULL,9007199254740993}", []any{int64(1), nil, int64(9007199254740993)}},
		{"int[]", "{{1,2},{3,4}}", []any{[]any{int64(1), int64(2)}, []any{int64(3), int64(4)}}},
		{"int[]", "[0:1]={1,2}", nil},
		{"text[]", `{"a b","","NULL",NULL,"\"\\,{}"}`, []any{"a b", "", "NULL", nil, `"\,{}`}},
		{"timestamptz[]", "{2026-01-02 03:04:05+00}", []any{"2026-01-02T03:04:05Z"}},
		{"numeric[]", "{1.5,12345678901234567890.5}", []any{1.5, "12345678901234567890.5"}},
		{"bytea[]", `{"\\x00ff"}`, []any{[]byte{0, 255}}},
		{"jsonb[]", `{"{\"a\": [1]}","[2]"}`, []any{map[string]any{"a": []any{json.Number("1")}}, []any{json.Number("2")}}},
		{"uuid[]", "{}", []any{}},
		{"bool[]", "{t,f}", []any{true, false}},
		{"mood[]", `{sad,"very \"happy\""}`, []any{"sad", `very "happy"`}},
		{"pair[]", `{"(1,a)"}`, []any{"(1,a)"}},
	}
	for _, c := range cases {
		t.Run(c.kind+" "+c.literal, func(t *testing.T) {
			rows, err := conn.Query(t.Context(), fmt.Sprintf("SELECT $1::text::%s AS value", c.kind), c.literal)
			if err != nil {
				t.Fatal(err)
			}
			read := rows[0]["value"]
			if diff := cmp.Diff(c.want, read); diff != "" && c.want != nil {
				t.Errorf("value that was read (-want +got):\n%s", diff)
			}
			written, err := conn.Query(t.Context(), fmt.Sprintf("SELECT $1::%s AS value", c.kind), read)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(rows, written); diff != "" {
				t.Errorf("value that was written (-read +written):\n%s", diff)
			}
		})
	}
}

func TestExec(t *testing.T) {
	conn := connect(t)
	changed, err := conn.Exec(t.Context(), "INSERT INTO users (name) VALUES ('a'), ('b'); UPDATE users SET age = 3;")
	if err != nil || changed != 2 {
		t.Fatalf("Exec of several statements gave %d, %v", changed, err)
	}
	changed, err = conn.Exec(t.Context(), "DELETE FROM users WHERE name = $1", "a")
	if err != nil || changed != 1 {
		t.Errorf("Exec with an argument gave %d, %v", changed, err)
	}
}

func TestStatementErrors(t *testing.T) {
	conn := connect(t)
	cases := []struct{ reason, sql, want string }{
		{"an unknown table", "SELECT  *\n FROM nope", `relation "nope" does not exist (SQLSTATE 42P01), in: SELECT * FROM nope`},
		{"a mistake", "SELEC 1", `syntax error at or near "SELEC" (SQLSTATE 42601), in: SELEC 1`},
		{"a key that is there", "INSERT INTO users (id, name) VALUES (1, 'a'), (1, 'b')",
			`duplicate key value violates unique constraint "users_pkey": Key (id)=(1) already exists. (SQLSTATE 23505), in: INSERT INTO users (id, name) VALUES (1, 'a'), (1, 'b')`},
		{"too many rows", "SELECT generate_series(1, 100001)", "more than 100000 rows: add a LIMIT, in: SELECT generate_series(1, 100001)"},
	}
	for _, c := range cases {
		t.Run(c.reason, func(t *testing.T) {
			_, err := conn.Query(t.Context(), c.sql)
			if err == nil {
				t.Fatal("Query succeeded")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if rows, err := conn.Query(t.Context(), "SELECT 1 AS one"); err != nil {
				t.Errorf("after it, Query gave %v, %v", rows, err)
			}
		})
	}
}

func TestConnectionIsMadeAgain(t *testing.T) {
	conn := connect(t)
	if _, err := conn.Query(t.Context(), "SELECT pg_terminate_backend(pg_backend_pid())"); err == nil {
		t.Fatal("the connection survived")
	}
	if _, err := conn.Query(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("the connection was not made again: %v", err)
	}

	// One that is lost while it is idle is noticed without a failed statement.
	other := *conn
	if err := other.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Exec(t.Context(), "SELECT pg_terminate_backend($1)", int64(conn.conn.PgConn().PID())); err != nil {
		t.Fatal(err)
	}
	if err := other.close(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn.used = conn.used.Add(-maxIdle)
	if _, err := conn.Query(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("the idle connection was not made again: %v", err)
	}
}

func TestQueryEndsWithTheContext(t *testing.T) {
	conn := connect(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := conn.Query(ctx, "SELECT pg_sleep(60)"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Query gave %v", err)
	}
}
