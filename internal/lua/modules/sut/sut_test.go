/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package sut_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"

	driver "github.com/topas-dev/topas/internal/driver/sut"
	"github.com/topas-dev/topas/internal/lua/modules/sut"
	"github.com/topas-dev/topas/internal/lua/vm"
)

// calls writes down how it is called, and refuses what is done to "broken".
type calls struct{ log bytes.Buffer }

func (c *calls) note(name, format string, args ...any) error {
	fmt.Fprintf(&c.log, format+"\n", args...)
	if name == "broken" {
		return errors.New("it is broken")
	}
	return nil
}

func (c *calls) ApplyService(_ context.Context, name string, p driver.Patch) error {
	return c.note(name, "apply %s %s %s %d %d %v", name, *p.Image, *p.Version, *p.Replicas, *p.Port, p.EnvVars)
}

func (c *calls) Scale(_ context.Context, name string, replicas int32) error {
	return c.note(name, "scale %s %d", name, replicas)
}

func (c *calls) Restart(_ context.Context, name string) error {
	return c.note(name, "restart %s", name)
}

func (c *calls) Rollback(_ context.Context, name string) error {
	return c.note(name, "rollback %s", name)
}

func (c *calls) WaitReady(_ context.Context, name string, timeout time.Duration) error {
	return c.note(name, "wait_ready %s %s", name, timeout)
}

func (c *calls) Wait(_ context.Context, name string, w driver.Wanted, timeout time.Duration) error {
	return c.note(name, "wait %s %t %s %d %d %s", name, *w.Ready, *w.Image, *w.DesiredReplicas, *w.ReadyReplicas, timeout)
}

func (c *calls) Overview(context.Context) (driver.Overview, error) {
	return driver.Overview{Name: "shop", Namespace: "test", Phase: "Ready", Services: []string{"web"}, Databases: []string{}}, nil
}

func (c *calls) Status(_ context.Context, name string) (driver.Status, error) {
	return driver.Status{Name: name, Service: true, ReadyReplicas: 2}, c.note(name, "status %s", name)
}

func (c *calls) Address(_ context.Context, name string) (string, error) {
	return name + ":80", c.note(name, "address %s", name)
}

func (c *calls) Logs(_ context.Context, name string, o driver.LogOptions) (string, error) {
	return "line\n", c.note(name, "logs %s %+v", name, o)
}

func (c *calls) Exec(_ context.Context, name string, command driver.Command) (driver.Executed, error) {
	return driver.Executed{Code: 3, Stdout: "out", Stderr: "err"}, c.note(name, "exec %s %q %q %s", name, command.Args, command.Stdin, command.Timeout)
}

func run(t *testing.T, script string) (string, error) {
	t.Helper()
	c := &calls{}
	machine := vm.New(vm.Config{Output: &c.log, Modules: map[string]lua.LGFunction{"sut": sut.New(c).Loader}})
	defer machine.Close()
	err := machine.Run(t.Context(), "test.lua", []byte(`local sut = require("sut") `+script))
	return c.log.String(), err
}

func TestCalls(t *testing.T) {
	for _, tc := range []struct{ script, want string }{
		{`sut.apply_service("web", { image = "i", version = "v", replicas = 2, port = 80, envVars = { A = "1" } })`, "apply web i v 2 80 map[A:1]\n"},
		{`sut.scale("web", 0)`, "scale web 0\n"},
		{`sut.restart("web") sut.rollback("web")`, "restart web\nrollback web\n"},
		{`sut.wait_ready("web") sut.wait_ready("web", "5m")`, "wait_ready web 1m0s\nwait_ready web 5m0s\n"},
		{`sut.wait("web", { ready = false, image = "i", desired_replicas = 1, ready_replicas = 0 }, "2s")`, "wait web false i 1 0 2s\n"},
		{`local s = sut.status("web") print(s.name, s.ready, s.ready_replicas)`, "status web\nweb\tfalse\t2\n"},
		{`local a = sut.app() print(a.name, a.namespace, a.phase, #a.services, a.services[1], #a.databases)`, "shop\ttest\tReady\t1\tweb\t0\n"},
		{`print(sut.url("web"), sut.url("web", "/a"), sut.url("web", "a?b=c"))`, strings.Repeat("address web\n", 3) + "http://web:80/\thttp://web:80/a\thttp://web:80/a?b=c\n"},
		{`print(sut.logs("web"), sut.logs("web", { tail = 5, since = "1m", previous = true }))`,
			"logs web {Tail:0 Since:0s Previous:false}\nlogs web {Tail:5 Since:1m0s Previous:true}\nline\n\tline\n\n"},
		{`local r = sut.exec("web", { "ls", "-l" }, { stdin = "x", timeout = "2s" }) print(r.code, r.stdout, r.stderr)`,
			`exec web ["ls" "-l"] "x" 2s` + "\n3\tout\terr\n"},
		{`sut.exec("web", "ls | wc")`, `exec web ["sh" "-c" "ls | wc"] "" 0s` + "\n"},
	} {
		t.Run(tc.script, func(t *testing.T) {
			if got, err := run(t, tc.script); err != nil || got != tc.want {
				t.Errorf("log is %q, error %v, want %q", got, err, tc.want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for _, tc := range []struct{ reason, script, want string }{
		{"what the driver says", `sut.logs("broken")`, "test.lua:1: it is broken"},
		{"a misspelled option", `sut.apply_service("web", { replica = 1 })`, `unknown option "replica": did you mean "replicas"?`},
		{"a status that there is not", `sut.wait("web", { redy = true })`, `unknown option "redy": did you mean "ready"?`},
		{"a misspelled option of logs", `sut.logs("web", { tails = 1 })`, `unknown option "tails": did you mean "tail"?`},
		{"a misspelled option of exec", `sut.exec("web", "ls", { time_out = "1s" })`, `unknown option "time_out": did you mean "timeout"?`},
		{"a negative number of lines", `sut.logs("web", { tail = -1 })`, `option "tail": want a number of lines, got -1`},
		{"half a Pod", `sut.scale("web", 1.5)`, "want a whole number of replicas, got 1.5"},
		{"no duration", `sut.wait_ready("web", "60")`, `want a duration such as "500ms", "60s" or "5m", got "60"`},
		{"no time at all", `sut.wait("web", {}, "0s")`, `want a duration such as "500ms", "60s" or "5m", got "0s"`},
		{"nothing to wait for", `sut.wait("web")`, "bad argument #2 to wait (table expected, got nil)"},
		{"a number in a command", `sut.exec("web", { "sleep", 1 })`, "want a list of strings, got a number at 2"},
		{"no command", `sut.exec("web")`, "bad argument #2 to exec (string expected, got nil)"},
		{"no name", `sut.restart()`, "bad argument #1 to restart (string expected, got nil)"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			if _, err := run(t, tc.script); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want it to hold %q", err, tc.want)
			}
		})
	}
}
