//go:build e2e

/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// The metrics are served to who holds the role topas-metrics-reader, and to nobody else.
func TestMetrics(t *testing.T) {
	ns := namespace(t)
	create(t, sampleApp(t, ns))
	run := testRun(ns, "measured", "print('hello')")
	create(t, run)
	untilFinished(t, run)

	// The manager remembers for half a minute who may not, so that is tried by another account.
	stranger, reader := tokenOf(t, ns, "stranger"), tokenOf(t, ns, "reader")
	url := forwardMetrics(t)
	if code, _ := scrape(t, url, ""); code != http.StatusUnauthorized {
		t.Errorf("without a token the answer is %d, want %d", code, http.StatusUnauthorized)
	}
	if code, _ := scrape(t, url, stranger); code != http.StatusForbidden {
		t.Errorf("without the role the answer is %d, want %d", code, http.StatusForbidden)
	}

	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: ns + "-reads-metrics"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "topas-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: ns, Name: "reader"}},
	}
	create(t, binding)
	t.Cleanup(func() {
		if err := cluster.Delete(context.Background(), binding); err != nil {
			t.Error(err)
		}
	})
	// The API server learns of the binding a moment later.
	var code int
	var body string
	err := wait.PollUntilContextTimeout(t.Context(), 500*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		code, body = scrape(t, url, reader)
		return code == http.StatusOK, nil
	})
	if err != nil {
		t.Fatalf("with the role the answer is %d: %v", code, err)
	}
	for _, want := range []string{"\ntopas_queue_depth 0\n", "\ntopas_active_runners ", "\ntopas_test_duration_seconds_count{state=\"Passed\"} "} {
		if !strings.Contains(body, want) {
			t.Errorf("the metrics do not have %q; of TOPAS they have:\n%s", want, regexp.MustCompile("(?m)^topas_.*").FindAllString(body, -1))
		}
	}
}

// tokenOf returns the token of a new ServiceAccount.
func tokenOf(t *testing.T, ns, name string) string {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	create(t, account)
	request := &authenticationv1.TokenRequest{}
	if err := cluster.SubResource("token").Create(t.Context(), account, request); err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}

// forwardMetrics returns the URL of the manager's metrics, reached as a person would: through kubectl.
func forwardMetrics(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("kubectl", "-n", systemNamespace, "port-forward", "deployment/"+managerName, ":8443")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(line)
	if address == "" {
		t.Fatalf("kubectl port-forward: %q, %v", line, err)
	}
	return "https://" + address + "/metrics"
}

func scrape(t *testing.T, url, token string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	// The manager makes its own certificate, for nobody's trust.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
