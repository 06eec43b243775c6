/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/test/servers/kube"
)

const (
	patience    = 60 * time.Second
	managerUser = "topas-manager"
)

// TestManagerWithItsOwnRights runs the manager as a user who has what config/rbac gives it, and nothing else.
func TestManagerWithItsOwnRights(t *testing.T) {
	server := kube.Start(t)
	namespace := server.NewNamespace(t, "pod-security.kubernetes.io/enforce=restricted")
	grant(t, server, namespace)
	t.Setenv("KUBECONFIG", kubeconfig(t, server))
	metrics, probes := freeAddress(t), freeAddress(t)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"--runner-image=topas/runner:v1", "--metrics-bind-address=" + metrics, "--health-probe-bind-address=" + probes,
			"--max-concurrent-per-namespace=1", "--leader-elect", "--leader-election-namespace=" + namespace, "--zap-log-level=error"})
	}()
	for _, check := range []string{"healthz", "readyz"} {
		eventually(t, check+" says ok", func() (bool, any) {
			code, body, err := get("http://"+probes+"/"+check, "")
			return code == http.StatusOK, fmt.Sprint(body, err)
		})
	}

	app := &v1alpha1.App{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "mock-app"}, Spec: v1alpha1.AppSpec{
		Services: []v1alpha1.ServiceSpec{{Name: "frontend", Image: "my-org/web", Version: "v1", Port: 80}}}}
	test := &v1alpha1.TestRun{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "smoke"}, Spec: v1alpha1.TestRunSpec{
		AppName: "mock-app", Script: "print(1)"}}
	for _, object := range []client.Object{app, test} {
		if err := server.Client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
	for name, object := range map[string]client.Object{"mock-app-frontend": &appsv1.Deployment{}, "smoke-1": &corev1.Pod{}} {
		eventually(t, "there is a "+name, func() (bool, any) {
			err := server.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object)
			return err == nil, err
		})
	}
	eventually(t, "the run is being started", func() (bool, any) {
		err := server.Client.Get(t.Context(), client.ObjectKeyFromObject(test), test)
		return test.Status.PodName == "smoke-1", fmt.Sprint(test.Status, err)
	})

	next := &v1alpha1.TestRun{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "next"}, Spec: test.Spec}
	create(t, server, next)
	eventually(t, "the next run waits for the slot of the namespace", func() (bool, any) {
		err := server.Client.Get(t.Context(), client.ObjectKeyFromObject(next), next)
		return next.Status.QueuePosition == 1, fmt.Sprint(next.Status, err)
	})

	checkMetrics(t, server, namespace, "https://"+metrics+"/metrics")
	checkCancelAndExpiry(t, server, test)

	stop()
	if err := <-ended; err != nil {
		t.Errorf("the manager ended with: %v", err)
	}
	lease := &coordinationv1.Lease{}
	if err := server.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: leaseName}, lease); err != nil {
		t.Fatal(err)
	}
	if holder := lease.Spec.HolderIdentity; holder != nil && *holder != "" {
		t.Errorf("the lease is still held by %q", *holder)
	}
}

// checkCancelAndExpiry ends the run while its script runs, after which it is deleted.
func checkCancelAndExpiry(t *testing.T, server *kube.Server, test *v1alpha1.TestRun) {
	t.Helper()
	pod := &corev1.Pod{}
	report := func(state corev1.ContainerState) {
		t.Helper()
		if err := server.Client.Get(t.Context(), client.ObjectKey{Namespace: test.Namespace, Name: test.Status.PodName}, pod); err != nil {
			t.Fatal(err)
		}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: contract.RunnerContainer, State: state}}
		if err := server.Client.Status().Update(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
	}
	report(corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}})
	eventually(t, "the script runs", func() (bool, any) {
		err := server.Client.Get(t.Context(), client.ObjectKeyFromObject(test), test)
		return test.Status.State == v1alpha1.TestRunRunning, fmt.Sprint(test.Status, err)
	})
	end := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"cancel":true,"ttlSecondsAfterFinished":0}}`))
	if err := server.Client.Patch(t.Context(), test, end); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Pod is told to end", func() (bool, any) {
		err := server.Client.Get(t.Context(), client.ObjectKeyFromObject(pod), pod)
		return *pod.Spec.ActiveDeadlineSeconds == 1, err
	})
	report(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 143, StartedAt: metav1.Now(), FinishedAt: metav1.Now()}})
	eventually(t, "the run is gone", func() (bool, any) {
		err := server.Client.Get(t.Context(), client.ObjectKeyFromObject(test), test)
		return apierrors.IsNotFound(err), fmt.Sprint(test.Status, err)
	})
}

// checkMetrics reads the metrics as nobody and as one who may.
func checkMetrics(t *testing.T, server *kube.Server, namespace, url string) {
	t.Helper()
	if code, _, err := get(url, ""); code != http.StatusUnauthorized {
		t.Errorf("reading the metrics without a token: %d %v, want %d", code, err, http.StatusUnauthorized)
	}
	if code, _, err := get(url, tokenOf(t, server, namespace, "stranger")); code != http.StatusForbidden {
		t.Errorf("reading the metrics without the right to: %d %v, want %d", code, err, http.StatusForbidden)
	}
	reader := roleFrom(t, "metrics_reader_role.yaml")
	create(t, server, reader, bindingOf(reader.Name, rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: "prometheus"}))
	code, body, err := get(url, tokenOf(t, server, namespace, "prometheus"))
	if code != http.StatusOK {
		t.Errorf("reading the metrics: %d %v", code, err)
	}
	for _, line := range []string{"\ntopas_active_runners 1\n", "\ntopas_queue_depth 1\n", "\ntopas_queue_wait_seconds_count 1\n",
		"\ntopas_app_ready{app=\"mock-app\",namespace=\"" + namespace + "\"} 0\n"} {
		if !strings.Contains(body, line) {
			t.Errorf("the metrics lack %q", strings.TrimSpace(line))
		}
	}
}

// grant gives managerUser the rights of config/rbac, with those of the leader election in this namespace.
func grant(t *testing.T, server *kube.Server, namespace string) {
	t.Helper()
	subject := rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: managerUser}
	for _, file := range []string{"role.yaml", "metrics_auth_role.yaml"} {
		role := roleFrom(t, file)
		for _, object := range []client.Object{role, bindingOf(role.Name, subject)} {
			// Another test may have granted it.
			if err := client.IgnoreAlreadyExists(server.Client.Create(t.Context(), object)); err != nil {
				t.Fatal(err)
			}
		}
	}
	leader := &rbacv1.Role{}
	read(t, "leader_election_role.yaml", leader)
	leader.Namespace = namespace
	create(t, server, leader, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: leader.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: leader.Name},
		Subjects:   []rbacv1.Subject{subject},
	})
}

func roleFrom(t *testing.T, file string) *rbacv1.ClusterRole {
	t.Helper()
	role := &rbacv1.ClusterRole{}
	read(t, file, role)
	return role
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "config", "rbac", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(data, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func bindingOf(role string, subject rbacv1.Subject) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{subject},
	}
}

func create(t *testing.T, server *kube.Server, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := server.Client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

func tokenOf(t *testing.T, server *kube.Server, namespace, name string) string {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if err := client.IgnoreAlreadyExists(server.Client.Create(t.Context(), account)); err != nil {
		t.Fatal(err)
	}
	request := &authenticationv1.TokenRequest{}
	if err := server.Client.SubResource("token").Create(t.Context(), account, request); err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}

// kubeconfig is for a manager with its own rights.
func kubeconfig(t *testing.T, server *kube.Server) string {
	t.Helper()
	return writeKubeconfig(t, &api.Cluster{Server: server.Config.Host, CertificateAuthorityData: server.Config.CAData}, &api.AuthInfo{
		ClientCertificateData: server.Config.CertData, ClientKeyData: server.Config.KeyData, Impersonate: managerUser})
}

func writeKubeconfig(t *testing.T, cluster *api.Cluster, user *api.AuthInfo) string {
	t.Helper()
	config := api.NewConfig()
	config.Clusters["test"], config.AuthInfos["test"] = cluster, user
	config.Contexts["test"] = &api.Context{Cluster: "test", AuthInfo: "test"}
	config.CurrentContext = "test"
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return file
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func get(url, token string) (code int, body string, err error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	// The manager signs its own certificate.
	c := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}} //nolint:gosec // see above
	response, err := c.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	return response.StatusCode, string(data), err
}

func eventually(t *testing.T, what string, condition func() (bool, any)) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, last := condition()
		if ok {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("waiting until %s: last seen: %v", what, last)
		case <-tick.C:
		}
	}
}
