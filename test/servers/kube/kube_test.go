/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package kube

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// victimVariable makes the test binary the victim of TestServersEndWithAKilledTest.
const victimVariable = "TOPAS_TEST_VICTIM"

func TestMain(m *testing.M) { os.Exit(Run(m)) }

// TestVictim waits to be killed, with a server running. On its own it only starts one.
func TestVictim(t *testing.T) {
	Start(t)
	if os.Getenv(victimVariable) == "" {
		return
	}
	ids, err := serverProcesses()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("servers", strings.Join(ids, " "))
	<-t.Context().Done()
}

func TestServersEndWithAKilledTest(t *testing.T) {
	victim := exec.Command(os.Args[0], "-test.run=^TestVictim$")
	victim.Env = append(os.Environ(), victimVariable+"=1")
	output, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if killErr := victim.Process.Kill(); killErr != nil {
		t.Fatal(killErr)
	}
	_ = victim.Wait() // it was killed
	servers, ok := strings.CutPrefix(strings.TrimSpace(line), "servers ")
	if err != nil || !ok {
		t.Fatalf("the victim said %q, %v, want its servers", line, err)
	}
	ids := strings.Fields(servers)
	if len(ids) != 2 {
		t.Errorf("servers of the victim are %v, want etcd and kube-apiserver", ids)
	}
	for _, id := range ids {
		err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, 20*time.Second, true, func(context.Context) (bool, error) {
			return !running(id), nil
		})
		if err != nil {
			t.Errorf("process %s outlived the test binary: %v", id, err)
		}
	}
}

// running reports whether the process is there and no zombie.
func running(id string) bool {
	stat, err := os.ReadFile("/proc/" + id + "/stat")
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

func TestServerKnowsTheKindsOfTopas(t *testing.T) {
	server := Start(t)
	namespace := server.NewNamespace(t, "team=qa")

	created := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop"}}
	if err := server.Client.Create(t.Context(), created); err != nil {
		t.Fatal(err)
	}
	var got v1alpha1.App
	if err := server.Client.Get(t.Context(), client.ObjectKeyFromObject(created), &got); err != nil {
		t.Fatal(err)
	}
	if got.UID == "" || got.UID != created.UID {
		t.Errorf("UID of the App is %q, want %q", got.UID, created.UID)
	}
	if Start(t) != server {
		t.Error("a second Start gave another server, want the one of the test binary")
	}
	if other := server.NewNamespace(t); other == namespace {
		t.Errorf("two namespaces are both %s", other)
	}
}

func TestMissingBinariesSayWhatToDo(t *testing.T) {
	half := t.TempDir()
	if err := os.WriteFile(filepath.Join(half, "etcd"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ reason, assets, want string }{
		{"the variable is not set", "", "KUBEBUILDER_ASSETS is not set: run `make envtest`"},
		{"the folder lacks the API server", half, half + " has no kube-apiserver: run `make envtest`"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			t.Setenv(assetsVariable, tc.assets)
			if _, err := assetsDir(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error is %v, want one with %q", err, tc.want)
			}
		})
	}
}
