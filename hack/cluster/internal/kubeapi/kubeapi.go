/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package kubeapi asks an API server the few questions that tell whether a
// cluster works. Those do not justify the weight of client-go.
package kubeapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/topas-dev/topas/hack/cluster/internal/pki"
)

const (
	requestTimeout = 5 * time.Second
	maxAnswer      = 16 << 20 // bytes
	fieldManager   = "topas-cluster"
)

// Client speaks to one API server as one user.
type Client struct {
	server string
	http   *http.Client
}

// New makes a client for a server URL. It never goes through a proxy.
func New(server string, authority []byte, user pki.Pair) (*Client, error) {
	certificate, err := tls.X509KeyPair(user.Certificate, user.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the client certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return nil, errors.New("reading the certificate authority: no certificate in it")
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	return &Client{server: server, http: &http.Client{Transport: transport, Timeout: requestTimeout}}, nil
}

// Ready fails, with the server's own reasons, until it takes requests.
func (c *Client) Ready(ctx context.Context) error {
	_, err := c.do(ctx, http.MethodGet, "/readyz?verbose=true", "", nil)
	return err
}

// Exists fails unless there is an object at an API path.
func (c *Client) Exists(ctx context.Context, path string) error {
	_, err := c.do(ctx, http.MethodGet, path, "", nil)
	return err
}

// Apply creates or updates the object at an API path, server-side.
func (c *Client) Apply(ctx context.Context, path string, object any) error {
	body, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("encoding the object for %s: %w", path, err)
	}
	_, err = c.do(ctx, http.MethodPatch, path+"?force=true&fieldManager="+fieldManager, "application/apply-patch+yaml", body)
	return err
}

// NodeReady returns the kubelet's version once the node is Ready, and else an
// error that holds the node's own words.
func (c *Client) NodeReady(ctx context.Context, name string) (version string, err error) {
	text, err := c.do(ctx, http.MethodGet, "/api/v1/nodes/"+name, "", nil)
	if err != nil {
		return "", err
	}
	var node struct {
		Status struct {
			NodeInfo   struct{ KubeletVersion string }
			Conditions []struct{ Type, Status, Reason, Message string }
		}
	}
	if err := json.Unmarshal(text, &node); err != nil {
		return "", fmt.Errorf("parsing the node %s: %w", name, err)
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type != "Ready" {
			continue
		}
		if condition.Status == "True" {
			return node.Status.NodeInfo.KubeletVersion, nil
		}
		return "", fmt.Errorf("node %s is not ready: %s: %s", name, condition.Reason, condition.Message)
	}
	return "", fmt.Errorf("node %s has no condition Ready yet", name)
}

// KubeletKnowsPods fails while the API server has Pods that run on the node but
// its kubelet has none, as it is for a moment after the kubelet was started
// again. Until then logs and exec are refused.
func (c *Client) KubeletKnowsPods(ctx context.Context, name string) error {
	running, err := c.count(ctx, "/api/v1/pods?limit=1&fieldSelector=status.phase%3DRunning,spec.nodeName%3D"+name)
	if err != nil || running == 0 {
		return err
	}
	known, err := c.count(ctx, "/api/v1/nodes/"+name+"/proxy/pods")
	if err == nil && known == 0 {
		return fmt.Errorf("the kubelet of node %s has not taken over its Pods yet", name)
	}
	return err
}

func (c *Client) count(ctx context.Context, path string) (int, error) {
	text, err := c.do(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return 0, err
	}
	var list struct{ Items []struct{} }
	if err := json.Unmarshal(text, &list); err != nil {
		return 0, fmt.Errorf("parsing the list %s: %w", path, err)
	}
	return len(list.Items), nil
}

func (c *Client) do(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%s %s: reading the answer: %w", method, path, err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, response.Status, complaint(answer))
	}
	return answer, nil
}

// complaint picks what failed out of a Status object or a list of checks.
func complaint(answer []byte) string {
	var status struct{ Message string }
	if json.Unmarshal(answer, &status) == nil && status.Message != "" {
		return status.Message
	}
	var failed []string
	for line := range strings.Lines(string(answer)) {
		if strings.HasPrefix(line, "[-]") {
			failed = append(failed, strings.TrimSpace(line))
		}
	}
	if len(failed) > 0 {
		return strings.Join(failed, ", ")
	}
	return strings.TrimSpace(string(answer))
}
