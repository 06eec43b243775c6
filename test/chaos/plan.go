/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// The Apps that are tested. All runs on shop are Shared; those on till are Shared or Exclusive, and change it; those on vault
// have copies of it.
const (
	appShop  = "shop"
	appTill  = "till"
	appVault = "vault"
)

// fate is what is done to a run on purpose, beside all the faults.
type fate int

const (
	left fate = iota
	canceled
	deleted
)

// verdict is what a run ends as.
type verdict struct {
	state  v1alpha1.TestRunState
	reason string
}

func (v verdict) String() string { return string(v.state) + "/" + v.reason }

// kind is a sort of runs.
type kind struct {
	name   string
	weight int
	// script comes after what writes into the ledger; noScript is a source that is not to write there.
	script, noScript string
	app              string
	fate             fate
	change           func(*v1alpha1.TestRunSpec)
	want             verdict
}

var (
	passed   = verdict{v1alpha1.TestRunPassed, v1alpha1.ReasonPassed}
	retried  = verdict{v1alpha1.TestRunPassed, v1alpha1.ReasonPassedAfterRetry}
	stopped  = verdict{v1alpha1.TestRunError, v1alpha1.ReasonCanceled}
	podGone  = verdict{v1alpha1.TestRunError, v1alpha1.ReasonPodDeleted}
	podEnded = verdict{v1alpha1.TestRunError, v1alpha1.ReasonTerminated}
)

const endless = `ledger:query("SELECT pg_sleep(600)::text AS done")`

// kinds are all sorts of runs. Weights add up to 100.
var kinds = []kind{
	{name: "passes", weight: 24, want: passed},
	{name: "slow", weight: 10, script: `ledger:query("SELECT pg_sleep(6)::text AS done")`, want: passed},
	{name: "asserts", weight: 9, script: `assert(1 == 2, "as it should")`, want: verdict{v1alpha1.TestRunFailed, v1alpha1.ReasonAssertionFailed}},
	{name: "raises", weight: 4, script: `error("as it should")`, want: verdict{v1alpha1.TestRunFailed, v1alpha1.ReasonScriptError}},
	{name: "timesout", weight: 4, script: endless, want: verdict{v1alpha1.TestRunFailed, v1alpha1.ReasonTimedOut},
		change: func(s *v1alpha1.TestRunSpec) { s.Timeout = "4s" }},
	{name: "nocompile", weight: 7, noScript: "if then", want: verdict{v1alpha1.TestRunError, v1alpha1.ReasonCompileError}},
	{name: "noapp", weight: 3, app: "nowhere", want: verdict{v1alpha1.TestRunError, v1alpha1.ReasonAppNotFound}},
	{name: "canceled", weight: 10, script: endless, fate: canceled, want: stopped},
	{name: "deleted", weight: 8, script: `ledger:query("SELECT pg_sleep(3)::text AS done")`, fate: deleted},
	{name: "retries", weight: 10, script: `ledger:query("SELECT pg_sleep(3)::text AS done")`, want: passed,
		change: func(s *v1alpha1.TestRunSpec) { s.Retries = 3 }},
	{name: "shared", weight: 4, app: appTill, want: passed},
	{name: "exclusive", weight: 4, app: appTill, want: passed, script: `
insist(function() require("sut").apply_service("echo", { replicas = 0 }) end)
ledger:query("SELECT pg_sleep(1)::text AS done")`,
		change: func(s *v1alpha1.TestRunSpec) { s.Isolation = v1alpha1.IsolationExclusive }},
	{name: "ephemeral", weight: 3, app: appVault, want: passed, script: `
local own = db.connect{ host = "vault-db", timeout = "30s" }
own:exec("INSERT INTO visits DEFAULT VALUES")
assert(#own:query("SELECT 1 AS one FROM visits") == 1, "somebody else was here")`,
		change: func(s *v1alpha1.TestRunSpec) { s.Isolation = v1alpha1.IsolationEphemeral }},
}

// opening connects to the ledger, by all that it needs to know, so that it does not ask the API server, and writes into it.
const opening = `
local db = require("db")
local ledger = db.connect{ host = "ledger-db", port = 5432, user = "clerk", password = "chaos", db = "ledger", sslmode = "disable", timeout = "30s" }
ledger:exec("INSERT INTO executions (run) VALUES ($1)", os.getenv("RUN"))
-- what needs the API server is tried until it is there
local function insist(what)
	for _ = 1, 60 do
		local ok, problem = pcall(what)
		if ok then return end
		print(problem)
		ledger:query("SELECT pg_sleep(0.5)::text AS done")
	end
	what()
end
`

// planned is one run, and what is to become of it.
type planned struct {
	kind
	run *v1alpha1.TestRun
	// gap is the time between the creation of the run before and this one's, delay that from its creation to its fate.
	gap, delay time.Duration
}

func (p *planned) exclusive() bool { return p.run.Spec.Isolation == v1alpha1.IsolationExclusive }

// newPlan has a run of each kind, others by the weights of the kinds, and all in random order.
func newPlan(random *rand.Rand, namespace string, runs int) []*planned {
	var plan []*planned
	for _, k := range kinds {
		plan = append(plan, &planned{kind: k})
	}
	for len(plan) < runs {
		plan = append(plan, &planned{kind: draw(random)})
	}
	random.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	for i, p := range plan {
		p.gap = time.Duration(random.IntN(350)) * time.Millisecond
		p.delay = time.Duration(random.IntN(20000)) * time.Millisecond
		p.run = newRun(namespace, fmt.Sprintf("%s-%03d", p.name, i), p.kind)
		p.run.Spec.Priority = int32(random.IntN(3))
	}
	return plan
}

func draw(random *rand.Rand) kind {
	n := random.IntN(100)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			return k
		}
	}
	panic("the weights do not add up to 100")
}

func newRun(namespace, name string, k kind) *v1alpha1.TestRun {
	run := &v1alpha1.TestRun{}
	run.Namespace, run.Name = namespace, name
	run.Spec = v1alpha1.TestRunSpec{
		AppName: appShop, Script: opening + k.script, Timeout: "3m",
		Params: map[string]string{"RUN": name},
	}
	if k.noScript != "" {
		run.Spec.Script = k.noScript
	}
	if k.app != "" {
		run.Spec.AppName = k.app
	}
	if k.change != nil {
		k.change(&run.Spec)
	}
	return run
}
