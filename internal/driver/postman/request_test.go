/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package postman_test

import (
	"io"
	"strings"
	"testing"

	"github.com/topas-dev/topas/internal/driver/postman"
)

func TestRunSaysWhatIsWrongWithItsFiles(t *testing.T) {
	f := newFixture(t)
	good := collection(t)
	for _, tc := range []struct {
		reason string
		o      postman.Options
		want   string
	}{
		{
			"a collection that is no JSON names the line", postman.Options{Collection: postman.Document{Name: "a.json", Content: []byte("{\n\"item\": [\n}")}},
			"collection a.json is not a JSON object: line 3: invalid character '}'",
		},
		{
			"another JSON file", postman.Options{Collection: postman.Document{Name: "package.json", Content: []byte(`{"name": "x"}`)}},
			`package.json is not a Postman collection: it has no "item"`,
		},
		{
			"an environment that is none", postman.Options{Collection: good, Environment: &postman.Document{Name: "env.json", Content: []byte(`{"base": "x"}`)}},
			`env.json is not a Postman environment: it has no "values"`,
		},
		{
			"globals that are no JSON", postman.Options{Collection: good, Globals: &postman.Document{Name: "globals.json"}},
			"globals globals.json is not a JSON object: ",
		},
		{
			"an unknown folder", postman.Options{Collection: good, Folders: []string{"Logn Flow"}},
			`folder "Logn Flow" not found in collection tests/login.json: it has "Login Flow", "Broken", "Slow"`,
		},
		{
			"data that is no list", postman.Options{Collection: good, Data: &postman.Document{Name: "rows.json", Content: []byte(`{"user": "x"}`)}},
			"data rows.json must be a JSON list of objects: ",
		},
		{"a negative number of iterations", postman.Options{Collection: good, Iterations: -1}, "iterations is -1, must be 1 or more"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			_, err := f.runner.Run(t.Context(), tc.o, io.Discard)
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("error is\n\t%v\nwant\n\t%s", err, tc.want)
			}
		})
	}
}

func TestRunTakesWhatPostmanExports(t *testing.T) {
	f := newFixture(t)
	env := environment("http://"+f.address, f.address)
	wrapped := func(kind string, d postman.Document) postman.Document {
		return postman.Document{Name: d.Name, Content: []byte("\xef\xbb\xbf" + `{"` + kind + `": ` + string(d.Content) + `}`)}
	}
	e := wrapped("environment", *env)
	report, err := f.runner.Run(t.Context(), postman.Options{
		Collection: wrapped("collection", collection(t)), Environment: &e, Folders: []string{"Log in", "Profile"},
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !report.Passed() || report.Stats["requests"].Total != 2 {
		t.Errorf("report is %s", mustJSON(t, report))
	}
}
