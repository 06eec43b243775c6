/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package deployed

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/test/bench/process"
)

// Scraper reads the metrics of the manager.
type Scraper struct {
	url, token string
	client     *http.Client
	forward    *exec.Cmd
}

// NewScraper reaches the present manager through kubectl, as a ServiceAccount of the namespace that may read the metrics. It
// can be repeated. Close ends it; the ServiceAccount goes with the namespace.
func NewScraper(ctx context.Context, cluster client.Client, namespace string) (*Scraper, error) {
	token, err := readerToken(ctx, cluster, namespace)
	if err != nil {
		return nil, err
	}
	manager, err := ManagerPod(ctx, cluster)
	if err != nil {
		return nil, err
	}
	forward := exec.Command("kubectl", "-n", Namespace, "port-forward", "pod/"+manager.Name, ":8443")
	out, err := forward.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := forward.Start(); err != nil {
		return nil, fmt.Errorf("forwarding a port to the manager: %w", err)
	}
	// The manager makes its own certificate, for nobody's trust.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	s := &Scraper{token: token, client: &http.Client{Transport: transport}, forward: forward}
	line, err := bufio.NewReader(out).ReadString('\n')
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(line)
	if address == "" {
		s.stop()
		return nil, fmt.Errorf("forwarding a port to the manager: kubectl says %q: %w", line, err)
	}
	s.url = "https://" + address + "/metrics"
	return s, nil
}

func readerToken(ctx context.Context, cluster client.Client, namespace string) (string, error) {
	reader := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "metrics-reader"}}
	if err := cluster.Create(ctx, reader); err != nil && !apierrors.IsAlreadyExists(err) {
		return "", fmt.Errorf("making a reader of metrics: %w", err)
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: metricsReader},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: reader.Name}},
	}
	if err := cluster.Create(ctx, binding); err != nil && !apierrors.IsAlreadyExists(err) {
		return "", fmt.Errorf("making a reader of metrics: %w", err)
	}
	request := &authenticationv1.TokenRequest{}
	if err := cluster.SubResource("token").Create(ctx, reader, request); err != nil {
		return "", fmt.Errorf("making a token: %w", err)
	}
	return request.Status.Token, nil
}

// Scrape returns the metrics of this moment.
func (s *Scraper) Scrape(ctx context.Context) (process.Metrics, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	response, err := s.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("reading metrics of the manager: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("reading metrics of the manager: the answer is %s", response.Status)
	}
	return process.ParseMetrics(response.Body)
}

func (s *Scraper) stop() {
	s.client.CloseIdleConnections()
	_ = s.forward.Process.Kill() // it may have ended with its Pod
	_ = s.forward.Wait()         // it was killed
}

// Close ends the way to the manager, and takes back who could read its metrics.
func (s *Scraper) Close(ctx context.Context, cluster client.Client, namespace string) error {
	s.stop()
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if err := cluster.Delete(ctx, binding); err != nil {
		return fmt.Errorf("deleting the reader of metrics: %w", err)
	}
	return nil
}
