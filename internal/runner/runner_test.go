/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"bytes"
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/internal/lua/modules"
)

func bundle(t *testing.T, script string) []string {
	t.Helper()
	files := map[string]string{"test.lua": script, "broken.lua": "return return", "tests/no.env.json": `{"base": "x"}`}
	for _, name := range []string{"tests/api-tests.json", "tests/staging.env.json"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(data)
	}
	return []string{configMap(t, files)}
}

// TestTheWholePath runs the seed script against the whole system, and then what scripts get wrong against the same.
func TestTheWholePath(t *testing.T) {
	s := newSystem(t)

	t.Run("the seed calls", func(t *testing.T) {
		script, err := os.ReadFile("testdata/seed_test.lua")
		if err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		result := Run(t.Context(), Options{
			Roots: bundle(t, string(script)), Script: "test.lua", Timeout: 2 * time.Minute, Connect: s.connect, Output: &log,
		})
		want := contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed}
		if diff := cmp.Diff(want, result, cmpopts.IgnoreFields(contract.Result{}, "Duration")); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
		got := regexp.MustCompile(`\b[0-9.]+m?s\n`).ReplaceAllString(log.String(), "TIME\n")
		wantLog := "GET http://frontend/api/users/alice 200 OK TIME\nthe last line was reached\nPASSED in TIME\n"
		if diff := cmp.Diff(wantLog, got); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})

	t.Run("parameters", func(t *testing.T) {
		var log bytes.Buffer
		Run(t.Context(), Options{
			Roots: bundle(t, `print(os.getenv("USERS"), os.getenv("PATH"))`), Script: "test.lua", Timeout: time.Minute,
			Params: map[string]string{"USERS": "10"}, Connect: s.connect, Output: &log,
		})
		if want := "10\tnil\n"; !strings.HasPrefix(log.String(), want) {
			t.Errorf("log is %q, want it to begin with %q", log.String(), want)
		}
	})

	const failed, erroneous = contract.Failed, contract.Error
	for _, tc := range []struct {
		reason, script string
		verdict        contract.Verdict
		cause          string
		message        string
	}{
		{
			"a script that raises", "\nerror('it went wrong')", failed, contract.ReasonScriptError,
			"test.lua:2: it went wrong",
		},
		{
			"an assertion of a collection's verdict",
			"local passed, report = require('postman').run{collection='tests/api-tests.json', environment='tests/staging.env.json', folder='Failing'}\n" +
				"assert(passed, report.failures[1].item .. ': ' .. report.failures[1].message .. ' at ' .. report.failures[1].request)",
			failed, contract.ReasonAssertionFailed,
			"test.lua:2: Failing / Get nobody: expected response to have status code 200 but got 404 at GET http://frontend/api/users/nobody",
		},
		{
			"a script that does not compile", "local x =\n", erroneous, contract.ReasonCompileError, "test.lua:1: ",
		},
		{
			"a module that does not compile", "require('broken')", erroneous, contract.ReasonCompileError, "broken.lua:1: ",
		},
		{
			"an unknown option", "require('sut').apply_service('frontend', { imag = 'x' })", failed, contract.ReasonScriptError,
			`test.lua:1: bad argument #2 to apply_service (unknown option "imag": did you mean "image"?`,
		},
		{
			"a service that the App has not", "require('sut').wait_ready('web', '1s')", failed, contract.ReasonScriptError,
			`test.lua:1: app "mock-app" has no service or database "web": it has frontend, echo, db, ledger, stock`,
		},
		{
			"a duration that is none", "require('sut').wait_ready('frontend', 'soon')", failed, contract.ReasonScriptError,
			`test.lua:1: bad argument #2 to wait_ready (want a duration such as "500ms", "60s" or "5m", got "soon")`,
		},
		{
			"a number of replicas that is none", "require('sut').scale('frontend', 1.5)", failed, contract.ReasonScriptError,
			`test.lua:1: bad argument #2 to scale (want a whole number of replicas, got 1.5)`,
		},
		{
			"a collection that is missing", "require('postman').run{collection='tests/nowhere.json'}", failed, contract.ReasonScriptError,
			`test.lua:1: collection "tests/nowhere.json" not found beside the script or in the root of the test's files`,
		},
		{
			"a collection outside of the test", "require('postman').run{collection='/etc/passwd'}", failed, contract.ReasonScriptError,
			`test.lua:1: reading the collection "/etc/passwd": the file name "/etc/passwd" must be relative to the script`,
		},
		{
			"no collection", "require('postman').run{}", failed, contract.ReasonScriptError,
			`test.lua:1: bad argument #1 to run (option "collection" is missing)`,
		},
		{
			"an environment that is none", "require('postman').run{collection='tests/api-tests.json', environment='tests/no.env.json'}",
			failed, contract.ReasonScriptError, `test.lua:1: tests/no.env.json is not a Postman environment: it has no "values"`,
		},
		{
			"a folder that is missing", "require('postman').run{collection='tests/api-tests.json', folder={'Login'}}",
			failed, contract.ReasonScriptError,
			`test.lua:1: folder "Login" not found in collection tests/api-tests.json: it has "Login Flow", "Failing"`,
		},
		{
			"no iterations", "require('postman').run{collection='tests/api-tests.json', iterations=0}", failed, contract.ReasonScriptError,
			`test.lua:1: bad argument #1 to run (iterations is 0, must be 1 or more)`,
		},
		{
			"data that is no list", "require('postman').run{collection='tests/api-tests.json', data={'x'}}", failed, contract.ReasonScriptError,
			`test.lua:1: option "data[1]": want a row such as { name = value }, got x`,
		},
		{
			"a gRPC method that does not exist", "require('net').grpc('echo:50051', 'topas.EchoService/Shout', {})", failed, contract.ReasonScriptError,
			"test.lua:1: gRPC echo:50051 topas.EchoService/Shout (" + echoHost + `:50051): the service topas.EchoService has no method "Shout"`,
		},
		{
			"a wrong password", "require('db').connect{host='db', password='wrong'}", failed, contract.ReasonScriptError,
			`test.lua:1: connect to database "testdb" on db (127.0.0.1:`,
		},
		{
			"a database with a Secret, and one whose Secret is missing",
			"local db = require('db') db.connect{host='mock-app-ledger'} db.expect{table='users', where={name='alice'}}\ndb.connect{host='stock'}",
			failed, contract.ReasonScriptError,
			`test.lua:2: connect: database "stock" has its credentials in Secret "stock-login", which is missing or has no key "user"`,
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			var log bytes.Buffer
			result := Run(t.Context(), Options{
				Roots: bundle(t, tc.script), Script: "test.lua", Timeout: time.Minute, Connect: s.connect, Output: &log,
			})
			if result.Verdict != tc.verdict || result.Reason != tc.cause || !strings.HasPrefix(result.Message, tc.message) {
				t.Errorf("result is %s %s\n\t%s\nwant %s %s\n\t%s", result.Verdict, result.Reason, result.Message, tc.verdict, tc.cause, tc.message)
			}
			if !strings.Contains(log.String(), result.Message) || strings.Contains(log.String(), "PASSED") {
				t.Errorf("log is\n%s", log.String())
			}
		})
	}

	t.Run("a call that hangs ends with the timeout", func(t *testing.T) {
		var log bytes.Buffer
		result := Run(t.Context(), Options{
			Roots:  bundle(t, "print('before')\nrequire('sut').wait_ready('db', '50s')"),
			Script: "test.lua", Timeout: time.Second, Connect: s.connect, Output: &log,
		})
		if result.Verdict != contract.Failed || result.Reason != contract.ReasonTimedOut || !strings.HasPrefix(result.Message, "test.lua:2: timed out after 1s in sut.wait_ready") {
			t.Errorf("result is %+v", result)
		}
		if !strings.HasPrefix(log.String(), "before\nFAILED test.lua:2: timed out after 1s") {
			t.Errorf("log is\n%s", log.String())
		}
	})

	t.Run("a script that is not there", func(t *testing.T) {
		var log bytes.Buffer
		result := Run(t.Context(), Options{
			Roots: bundle(t, ""), Script: "other.lua", Timeout: time.Minute, Connect: s.connect, Output: &log,
		})
		want := contract.Result{Verdict: contract.Error, Reason: contract.ReasonScriptNotFound, Message: `script "other.lua" not found`}
		if diff := cmp.Diff(want, result); diff != "" {
			t.Errorf("result (-want +got):\n%s", diff)
		}
	})

	t.Run("the examples of the documentation", s.runExamples)
}

func TestAPanicIsAResult(t *testing.T) {
	var log bytes.Buffer
	result := Run(t.Context(), Options{
		Roots: bundle(t, ""), Script: "test.lua", Timeout: time.Minute, Output: &log,
		Connect: func(context.Context) (modules.Drivers, func(), error) { panic("no such thing") },
	})
	want := contract.Result{Verdict: contract.Error, Reason: contract.ReasonRunnerCrashed, Message: "the runner panicked: no such thing"}
	if diff := cmp.Diff(want, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if lines := strings.Split(log.String(), "\n"); lines[0] != "ERROR the runner panicked: no such thing" || len(lines) > maxTraceback+3 {
		t.Errorf("log is\n%s", log.String())
	}
}

func TestAnUnreachableClusterIsAnError(t *testing.T) {
	var log bytes.Buffer
	result := Run(t.Context(), Options{
		Roots: bundle(t, ""), Script: "test.lua", Timeout: time.Minute, Output: &log,
		Connect: func(context.Context) (modules.Drivers, func(), error) {
			return modules.Drivers{}, nil, errors.New("connection refused")
		},
	})
	want := contract.Result{Verdict: contract.Error, Reason: contract.ReasonRunnerCrashed, Message: "connection refused"}
	if diff := cmp.Diff(want, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}
