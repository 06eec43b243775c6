/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package db

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/test/servers/postgres"
)

// secretApp is an App with the database "db", whose credentials are in the Secret "db-login".
type secretApp struct{ server *postgres.Server }

func (a secretApp) Database(host string) (v1alpha1.DatabaseSpec, string, bool) {
	spec := v1alpha1.DatabaseSpec{Name: "db", Port: int32(a.server.Port), CredentialsSecretRef: &v1alpha1.SecretReference{Name: "db-login"}}
	return spec, a.server.Host, host == "db" || host == "shop-db"
}

func (a secretApp) Databases() []string { return []string{"db"} }

// login is the content of the Secret. It can be changed during a test.
type login struct {
	keys map[string]string
	err  error
}

func (l *login) Credentials(database string) (map[string]string, error) {
	if database != "db" {
		return nil, errors.New("asked for the credentials of " + database)
	}
	return l.keys, l.err
}

func loginOf(server *postgres.Server) map[string]string {
	return map[string]string{"user": server.User, "password": server.Password, "dbname": server.Database}
}

func TestConnectWithASecret(t *testing.T) {
	server := postgres.Start(t).NewDatabase(t)
	client := func(l *login) *Client { return closed(t, NewClient(secretApp{server}, l)) }
	for _, c := range []struct {
		reason  string
		secret  *login
		options Options
	}{
		{"everything comes from the Secret", &login{keys: loginOf(server)}, Options{Host: "shop-db"}},
		{"the rest comes from the Secret", &login{keys: loginOf(server)}, Options{User: server.User}},
		{"a Secret that nothing is needed from may be unreadable", &login{err: errors.New("permission denied")},
			Options{Host: "db", User: server.User, Password: server.Password, Database: server.Database}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			conn, err := client(c.secret).Connect(t.Context(), c.options)
			if err != nil {
				t.Fatal(err)
			}
			got, err := conn.Query(t.Context(), "SELECT current_database() AS db, current_user AS me")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]map[string]any{{"db": server.Database, "me": server.User}}, got); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
		})
	}

	t.Run("a Secret that is made during the test counts", func(t *testing.T) {
		secret := &login{}
		c := client(secret)
		if _, err := c.Connect(t.Context(), Options{}); err == nil {
			t.Fatal("Connect succeeded without a Secret")
		}
		secret.keys = loginOf(server)
		if _, err := c.Connect(t.Context(), Options{}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestConnectWithASecretThatIsWrong(t *testing.T) {
	server := postgres.Start(t).NewDatabase(t)
	with := func(key, value string) *login {
		keys := maps.Clone(loginOf(server))
		keys[key] = value
		return &login{keys: keys}
	}
	without := func(key string) *login {
		l := with(key, "")
		delete(l.keys, key)
		return l
	}
	lacks := func(key string) string {
		return `connect: database "db" has its credentials in Secret "db-login", which is missing or has no key "` + key + `"`
	}
	for _, c := range []struct {
		reason  string
		secret  *login
		options Options
		want    string
	}{
		{"there is no Secret", &login{}, Options{}, lacks("user")},
		{"no user", without("user"), Options{}, lacks("user")},
		{"no password", without("password"), Options{Host: "shop-db"}, lacks("password")},
		{"no database", without("dbname"), Options{User: server.User, Password: server.Password}, lacks("dbname")},
		{"an empty password", with("password", ""), Options{}, lacks("password")},
		{"it can't be read", &login{err: errors.New("permission denied")}, Options{},
			`connect: taking the credentials of database "db" from Secret "db-login": permission denied`},
		{"another user needs a password", with("password", "wr0ng-secret"), Options{Host: "db", User: "other"},
			`connect: the password for user "other" on db is missing: the App has only its own user's`},
		{"the password is wrong", with("password", "wr0ng-secret"), Options{Host: "db"},
			(&address{Options: Options{Host: "db", Port: server.Port, User: server.User, Database: server.Database}, target: server.Host}).String() +
				`: wrong password or unknown user: password authentication failed for user "` + server.User + `"`},
	} {
		t.Run(c.reason, func(t *testing.T) {
			_, err := closed(t, NewClient(secretApp{server}, c.secret)).Connect(t.Context(), c.options)
			if err == nil {
				t.Fatal("Connect succeeded")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "wr0ng-secret") {
				t.Errorf("the error has the password: %v", err)
			}
		})
	}
}
