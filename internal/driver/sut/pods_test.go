/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package sut_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
	"sigs.k8s.io/yaml"

	"github.com/topas-dev/topas/internal/driver/sut"
	"github.com/topas-dev/topas/test/servers/kube"
)

// kubelet answers for the containers of a node, as the API server asks it to.
type kubelet struct {
	t *testing.T
	// logs are by "<Pod>", and by "<Pod> previous".
	logs map[string]string
}

// ServeHTTP implements http.Handler.
func (k *kubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The paths are /containerLogs/<namespace>/<Pod>/<container> and /exec/<namespace>/<Pod>/<container>.
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) != 4 && len(parts) != 5 {
		http.NotFound(w, r)
		return
	}
	if parts[0] == "exec" {
		k.exec(w, r)
		return
	}
	key := parts[2]
	if r.FormValue("previous") == "true" {
		key += " previous"
	}
	lines := strings.SplitAfter(k.logs[key], "\n")
	if n, err := strconv.Atoi(r.FormValue("tailLines")); err == nil && len(lines) > n {
		lines = lines[len(lines)-1-n:]
	}
	_, _ = io.WriteString(w, strings.Join(lines, ""))
}

// exec runs one of a few commands: echo says its arguments, cat its input, false fails, and sleep never ends.
func (k *kubelet) exec(w http.ResponseWriter, r *http.Request) {
	args := r.URL.Query()["command"]
	const protocol = "v4.channel.k8s.io"
	if _, err := httpstream.Handshake(r, w, []string{protocol}); err != nil {
		k.t.Error(err)
		return
	}
	wanted := 3
	if r.FormValue("input") == "1" {
		wanted++
	}
	opened := make(chan httpstream.Stream, wanted)
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
		opened <- s
		return nil
	})
	if conn == nil {
		return
	}
	defer func() { _ = conn.Close() }()
	streams := map[string]httpstream.Stream{}
	for range wanted {
		select {
		case s := <-opened:
			streams[s.Headers().Get("streamType")] = s
		case <-r.Context().Done():
			return
		}
	}
	status := metav1.Status{Status: metav1.StatusSuccess}
	switch args[0] {
	case "echo":
		_, _ = io.WriteString(streams["stdout"], strings.Join(args[1:], "|"))
	case "cat":
		_, _ = io.Copy(streams["stdout"], streams["stdin"])
	case "false":
		_, _ = io.WriteString(streams["stderr"], "no")
		status = metav1.Status{Status: metav1.StatusFailure, Reason: "NonZeroExitCode", Details: &metav1.StatusDetails{
			Causes: []metav1.StatusCause{{Type: "ExitCode", Message: "3"}},
		}}
	case "sleep":
		_, _ = io.WriteString(streams["stdout"], "sleeping")
		<-conn.CloseChan()
		return
	}
	if err := json.NewEncoder(streams["error"]).Encode(status); err != nil {
		k.t.Error(err)
	}
	for _, s := range streams {
		_ = s.Close()
	}
}

// start has the API server reach the kubelet as that of a new node, and returns the node's name.
func (k *kubelet) start(server *kube.Server) string {
	k.t.Helper()
	https := httptest.NewTLSServer(k)
	k.t.Cleanup(https.Close)
	address := https.Listener.Addr().(*net.TCPAddr)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{GenerateName: "node-"}}
	if err := server.Client.Create(k.t.Context(), node); err != nil {
		k.t.Fatal(err)
	}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address.IP.String()}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(address.Port)
	if err := server.Client.Status().Update(k.t.Context(), node); err != nil {
		k.t.Fatal(err)
	}
	return node.Name
}

// pod makes a Pod of a service or database.
func (f *fixture) pod(node, pod, service, component string, status corev1.PodStatus) {
	f.t.Helper()
	server := kube.Start(f.t)
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: pod, Namespace: f.namespace, Labels: map[string]string{
			"topas.dev/app": appName, "app.kubernetes.io/name": service, "app.kubernetes.io/component": component,
		}},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "main", Image: "my-org/web"}}},
	}
	if err := server.Client.Create(f.t.Context(), p); err != nil {
		f.t.Fatal(err)
	}
	p.Status = status
	if err := server.Client.Status().Update(f.t.Context(), p); err != nil {
		f.t.Fatal(err)
	}
}

// asRunner returns a client with the rights of a runner, as soon as the API server knows of them.
func (f *fixture) asRunner() *sut.Client {
	f.t.Helper()
	server, ctx := kube.Start(f.t), f.t.Context()
	data, err := os.ReadFile("../../../config/rbac/runner_role.yaml")
	if err != nil {
		f.t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(data, role); err != nil {
		f.t.Fatal(err)
	}
	role.Name = f.namespace
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: f.namespace, Name: "runner"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: "runner-" + f.namespace}},
	}
	if err := server.Client.Create(ctx, role); err != nil {
		f.t.Fatal(err)
	}
	if err := server.Client.Create(ctx, binding); err != nil {
		f.t.Fatal(err)
	}
	config := rest.CopyConfig(server.Config)
	config.Impersonate.UserName = binding.Subjects[0].Name
	own, err := sut.NewKube(config)
	if err != nil {
		f.t.Fatal(err)
	}
	c, err := sut.New(ctx, sut.Config{Kube: own, Cluster: config, Namespace: f.namespace, App: appName, Dial: answering})
	if err != nil {
		f.t.Fatal(err)
	}
	_, err = c.Logs(ctx, "frontend", sut.LogOptions{})
	for deadline := time.Now().Add(30 * time.Second); err != nil && strings.Contains(err.Error(), "forbidden") && time.Now().Before(deadline); {
		_, err = c.Logs(ctx, "frontend", sut.LogOptions{})
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

var (
	running = corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	crashed = corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
		Name:                 "main",
		State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 10s"}},
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 2}},
	}}}
)

func TestLogs(t *testing.T) {
	f := newFixture(t)
	node := (&kubelet{t: t, logs: map[string]string{"web-1": "one\ntwo\nthree\n", "web-1 previous": "zero\n", "db-1": "ready\n"}}).start(kube.Start(t))
	f.pod(node, "web-1", "frontend", "service", running)
	f.pod(node, "db-1", "db", "database", running)
	f.pod(node, "db-schema", "db", "schema", running)
	f.pod("", "web-2", "frontend", "service", corev1.PodStatus{Phase: corev1.PodPending})
	c := f.asRunner()
	for _, tc := range []struct {
		reason, name string
		options      sut.LogOptions
		want, err    string
	}{
		{"all of it, without the Pod that has not begun", "frontend", sut.LogOptions{}, "one\ntwo\nthree\n", ""},
		{"the last lines", "frontend", sut.LogOptions{Tail: 2, Since: time.Hour}, "two\nthree\n", ""},
		{"what ran before", "frontend", sut.LogOptions{Previous: true}, "zero\n", ""},
		{"a database, without the Job of its schema", "db", sut.LogOptions{}, "ready\n", ""},
		{"an unknown name", "web", sut.LogOptions{}, "", `app "mock-app" has no service or database "web": it has frontend, db`},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got, err := c.Logs(t.Context(), tc.name, tc.options)
			if got != tc.want || (err == nil) != (tc.err == "") || err != nil && err.Error() != tc.err {
				t.Errorf("Logs = %q, %v, want %q, %s", got, err, tc.want, tc.err)
			}
		})
	}
}

func TestExec(t *testing.T) {
	f := newFixture(t)
	node := (&kubelet{t: t}).start(kube.Start(t))
	f.pod(node, "web-1", "frontend", "service", running)
	f.pod(node, "web-2", "frontend", "service", crashed)
	c := f.asRunner()
	for _, tc := range []struct {
		reason, name string
		command      sut.Command
		want         sut.Executed
		err          string
	}{
		{"arguments are passed as they are", "frontend", sut.Command{Args: []string{"echo", "a b", "$HOME"}, Timeout: time.Minute}, sut.Executed{Stdout: "a b|$HOME"}, ""},
		{"input", "frontend", sut.Command{Args: []string{"cat"}, Stdin: "in"}, sut.Executed{Stdout: "in"}, ""},
		{"an exit code is no error", "frontend", sut.Command{Args: []string{"false"}}, sut.Executed{Code: 3, Stderr: "no"}, ""},
		{"no command", "frontend", sut.Command{}, sut.Executed{}, "the command is empty"},
		{"no Pod", "db", sut.Command{Args: []string{"echo"}}, sut.Executed{}, "db has no Pod that runs"},
		{"it takes too long", "frontend", sut.Command{Args: []string{"sleep"}, Timeout: time.Second}, sut.Executed{},
			`"sleep" in Pod web-1 was not over within 1s; its output: `},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			got, err := c.Exec(t.Context(), tc.name, tc.command)
			if diff := cmp.Diff(tc.want, got); diff != "" || (err == nil) != (tc.err == "") || err != nil && !strings.HasPrefix(err.Error(), tc.err) {
				t.Errorf("Exec gave %v, want %s (-want +got):\n%s", err, tc.err, diff)
			}
		})
	}
}

func TestTheRunnerHasNoOtherRights(t *testing.T) {
	f := newFixture(t)
	f.asRunner()
	config := rest.CopyConfig(kube.Start(t).Config)
	config.Impersonate.UserName = "runner-" + f.namespace
	f.pod("", "web-1", "frontend", "service", running)
	config.APIPath, config.GroupVersion = "/api", &corev1.SchemeGroupVersion
	for _, path := range []string{"secrets", "configmaps", "pods/web-1/attach", "pods/web-1/proxy"} {
		http, err := rest.HTTPClientFor(config)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Get(fmt.Sprintf("%s/api/v1/namespaces/%s/%s", config.Host, f.namespace, path))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 403 {
			t.Errorf("GET %s: %s", path, resp.Status)
		}
	}
}

func TestAWaitThatTimesOutTellsOfThePods(t *testing.T) {
	f := newFixture(t)
	node := (&kubelet{t: t, logs: map[string]string{"web-2": "", "web-2 previous": strings.Repeat("more\n", 20) + "panic: no database\nbye\n"}}).start(kube.Start(t))
	f.pod(node, "web-1", "frontend", "service", running)
	f.pod(node, "web-2", "frontend", "service", crashed)
	f.report(frontend("my-org/web:v1.1.0", 1, 2, ""))
	c, err := sut.New(t.Context(), sut.Config{Kube: f.frozen(), Cluster: kube.Start(t).Config, Namespace: f.namespace, App: appName, Dial: answering})
	if err != nil {
		t.Fatal(err)
	}
	want := "frontend was not ready within 50ms: 1/2 ready\n" +
		"  Pod web-2: CrashLoopBackOff: back-off 10s; Error (exit code 2)\n" +
		strings.Repeat("    | more\n", 8) + "    | panic: no database\n    | bye"
	err = c.WaitReady(t.Context(), "frontend", 50*time.Millisecond)
	if err == nil {
		t.Fatal("WaitReady succeeded")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestTroubleOfPods(t *testing.T) {
	f := newFixture(t)
	for i, tc := range []struct {
		status corev1.PodStatus
		want   string
	}{
		{corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes are available"}}}, "Unschedulable: 0/3 nodes are available"},
		{corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{Name: "main",
			State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "not found"}}}}}, "ImagePullBackOff: not found"},
		{corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "low on memory"}, "Evicted: low on memory"},
		{corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{{Name: "main",
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}}}}}, "OOMKilled (exit code 137)"},
		{corev1.PodStatus{}, "Pending"},
	} {
		name := fmt.Sprintf("pod-%d", i)
		f.pod("", name, "db", "database", tc.status)
		_, err := f.asCluster().Exec(t.Context(), "db", sut.Command{Args: []string{"true"}})
		if want := "db has no Pod that runs\n  Pod " + name + ": " + tc.want; err == nil || err.Error() != want {
			t.Errorf("error is\n%v\nwant\n%s", err, want)
		}
		server := kube.Start(t)
		if err := server.Client.Delete(context.Background(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: f.namespace}}); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	}
}

func (f *fixture) asCluster() *sut.Client {
	f.t.Helper()
	c, err := sut.New(f.t.Context(), sut.Config{Kube: f.kube, Cluster: kube.Start(f.t).Config, Namespace: f.namespace, App: appName})
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}
