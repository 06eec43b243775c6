/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const tail = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 20 21"
	tests := map[string]struct {
		reason string
		text   string
		state  byte
		start  uint64
		fails  bool
	}{
		"Plain":    {"the usual line", "12 (etcd)" + tail, 'S', 4711, false},
		"Brackets": {"a command may hold brackets and blanks", "12 (a) Z (b)" + tail, 'S', 4711, false},
		"Short":    {"a truncated line is an error, not a zero", "12 (etcd) S 1", 0, 0, true},
		"NoName":   {"no command at all", "12", 0, 0, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			state, start, err := parseStat([]byte(tc.text))
			if state != tc.state || start != tc.start || (err != nil) != tc.fails {
				t.Errorf("%s: got %q %d %v", tc.reason, state, start, err)
			}
		})
	}
}

func here(f func() error) error { return f() }

func TestDaemonLifeCycle(t *testing.T) {
	daemons := Daemons{Records: filepath.Join(t.TempDir(), "run"), Logs: t.TempDir()}
	shell := Command{
		Name: "sleeper", Path: "/bin/sh",
		Args: []string{"-c", `trap "" TERM; echo "ready $GREETING"; while :; do sleep 1; done`},
		Env:  []string{"GREETING=hello", "PATH=" + os.Getenv("PATH")},
	}
	if err := daemons.Start(shell, here); err != nil {
		t.Fatal(err)
	}
	identity, running := daemons.Find("sleeper")
	if !running {
		t.Fatal("a daemon that was just started is not found")
	}
	waitUntil(t, "the log holds the output", func() bool {
		text, _ := os.ReadFile(daemons.Log("sleeper"))
		return strings.TrimSpace(string(text)) == "ready hello"
	})
	if err := daemons.Stop("sleeper", 100*time.Millisecond); err != nil {
		t.Fatalf("a daemon that ignores SIGTERM must be killed: %v", err)
	}
	if _, running := daemons.Find("sleeper"); running || identity.Alive() {
		t.Error("the daemon is still there after Stop")
	}
	if err := daemons.Stop("sleeper", time.Second); err != nil {
		t.Errorf("stopping twice must do no harm: %v", err)
	}
}

func TestStopSparesARecycledPID(t *testing.T) {
	bystander := exec.Command("sleep", "60")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = bystander.Process.Kill(); _ = bystander.Wait() }()
	identity, err := Identify(bystander.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	daemons := Daemons{Records: t.TempDir(), Logs: t.TempDir()}
	recycled := identity
	recycled.StartTime--
	if err := daemons.write("old", recycled); err != nil {
		t.Fatal(err)
	}
	if err := daemons.Stop("old", time.Second); err != nil {
		t.Fatal(err)
	}
	if !identity.Alive() {
		t.Error("a process was stopped that only shares its pid with the record")
	}
}

func TestInNetworkNamespaceSparesOurOwn(t *testing.T) {
	link := networkNamespace("self")
	inode, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimPrefix(link, "net:["), "]"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	found, err := InNetworkNamespace(inode)
	if err != nil || len(found) > 0 {
		t.Errorf("got %v, %v: the namespace that we run in must never be answered for", found, err)
	}
}

func waitUntil(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not so after 10 s: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}
