/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/topas-dev/topas/internal/contract"
)

func TestSecretsByName(t *testing.T) {
	dir := secretVolume(t, map[string]map[string]string{
		"login": {"user": "admin", "password": "p4ss\n"}, "token": {"value": "t0ken"}, "unlisted": {"x": "y"},
	})
	loaded, err := loadSecrets(Secrets{Dir: dir, Names: []string{"login", "token"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ reason, name, value, err string }{
		{reason: "a key, every byte of it", name: "login/password", value: "p4ss\n"},
		{reason: "the only key", name: "token", value: "t0ken"},
		{reason: "one of several keys has to be named", name: "login", err: `secret "login" has the keys password, user: name one of them, such as "login/password"`},
		{reason: "a key that there is not", name: "login/pass", err: `secret "login" has no key "pass": it has password, user`},
		{reason: "a Secret that was not given", name: "unlisted/x", err: `secret "unlisted" is not given to this test: it has login, token, name others in spec.secrets of the TestRun`},
		{reason: "a path that leads elsewhere", name: "login/../unlisted/x", err: `secret "login" has no key "../unlisted/x": it has password, user`},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			value, err := loaded.value(tc.name)
			if value != tc.value || errorText(err) != tc.err {
				t.Errorf("value is %q, error is %v, want %q, %s", value, err, tc.value, tc.err)
			}
		})
	}
	if _, err := (secrets{}).value("x"); errorText(err) != `secret "x" is not given to this test: it has none, name it in spec.secrets of the TestRun` {
		t.Errorf("error is %v", err)
	}
}

// A Secret that does not exist ends the run before the script begins.
func TestSecretsThatAreMissing(t *testing.T) {
	dir := secretVolume(t, map[string]map[string]string{"login": {"user": "admin"}, "empty": {}})
	for names, want := range map[string]string{
		"login,nowhere": `Secret "nowhere" does not exist, or has no keys: create it in namespace "shop"`,
		"empty":         `Secret "empty" does not exist, or has no keys: create it in namespace "shop"`,
		"empty,nowhere": `Secrets ["empty" "nowhere"] do not exist, or have no keys: create them in namespace "shop"`,
	} {
		var log bytes.Buffer
		result := Run(t.Context(), Options{
			Roots: bundle(t, "print('begun')"), Script: "test.lua", Timeout: time.Minute, Connect: offline, Output: &log,
			Secrets: Secrets{Dir: dir, Namespace: "shop", Names: strings.Split(names, ",")},
		})
		if diff := cmp.Diff(contract.Result{Verdict: contract.Error, Reason: contract.ReasonSecretNotFound, Message: want}, result); diff != "" {
			t.Errorf("result for %s (-want +got):\n%s", names, diff)
		}
		if got := log.String(); got != "ERROR "+want+"\n" {
			t.Errorf("log is %q", got)
		}
	}
}

// Nothing that leaves the runner holds the value of a Secret.
func TestSecretsStayInside(t *testing.T) {
	const secret = "s3cret"
	dir := secretVolume(t, map[string]map[string]string{"login": {"password": secret}})
	script := fmt.Sprintf(`
local test = require("test")
local secret = test.secret("login")
assert(#secret == %d)
print("printed", secret, {}, ("x"):rep(3) .. secret)
test.case("case " .. secret, function() error("raised " .. secret) end)
test.case("skips", { skip = secret }, function() end)
loadstring("error('at the end ' .. ...)", secret)(secret)`, len(secret))
	var log bytes.Buffer
	var reported last
	result := Run(t.Context(), Options{
		Roots: bundle(t, script), Script: "test.lua", Timeout: time.Minute, Connect: offline, Output: &log, Reporter: &reported, Errors: t.Output(),
		Secrets: Secrets{Dir: dir, Names: []string{"login"}},
	})
	want := contract.Result{
		Verdict: contract.Failed, Reason: contract.ReasonScriptError,
		Message: "test.lua:6: raised ***\nthen the script ended: ***:1: at the end ***", Cases: &contract.Cases{Total: 2, Failed: 1, Skipped: 1},
	}
	if diff := cmp.Diff(want, result, cmpopts.IgnoreFields(contract.Result{}, "Duration")); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	cases := []contract.CaseResult{
		{Name: "case ***", State: contract.CaseFailed, Message: "test.lua:6: raised ***"},
		{Name: "skips", State: contract.CaseSkipped, Message: "***"},
	}
	if diff := cmp.Diff(cases, reported.Results, cmpopts.IgnoreFields(contract.CaseResult{}, "Duration")); diff != "" {
		t.Errorf("cases (-want +got):\n%s", diff)
	}
	if text := log.String(); strings.Contains(text, secret) || strings.Count(text, redacted) < 8 {
		t.Errorf("log is\n%s", text)
	}
}
