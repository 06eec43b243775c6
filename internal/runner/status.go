/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/topas-dev/topas/internal/contract"
)

// patchTimeout bounds one patch, so that a connection that has gone quiet does not keep the ones after it from being made.
const patchTimeout = 10 * time.Second

var testRuns = schema.GroupVersionResource{Group: "topas.dev", Version: "v1alpha1", Resource: "testruns"}

// Status is a Reporter that writes to the status of a TestRun.
type Status struct {
	// Cluster is how the API server is reached.
	Cluster func() (*rest.Config, error)
	// Namespace, Name and UID are those of the TestRun. A later one of the same name has another UID and is left alone.
	Namespace, Name string
	UID             types.UID

	runs metadata.ResourceInterface
}

// operation is one of a JSON patch.
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// Report patches the status. It is a JSON patch because of its test: the API server takes no notice of the UID in a merge
// patch of a status. The answer holds the metadata alone, and not the script with all its files.
func (s *Status) Report(ctx context.Context, p contract.Progress) error {
	patch, err := json.Marshal([]operation{
		{"test", "/metadata/uid", s.UID},
		{"add", "/status/cases", p.Cases},
		{"add", "/status/caseResults", p.Results},
		{"add", "/status/caseResultsOmitted", p.Omitted},
	})
	if err != nil {
		return fmt.Errorf("encoding the patch: %w", err)
	}
	if err := s.connect(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patchTimeout)
	defer cancel()
	options := metav1.PatchOptions{FieldManager: "topas-runner"}
	if _, err := s.runs.Patch(ctx, s.Name, types.JSONPatchType, patch, options, "status"); err != nil {
		return fmt.Errorf("patching the status of TestRun %s: %w", s.Name, err)
	}
	return nil
}

// connect makes the client when there is something to report: most tests have no cases and need none.
func (s *Status) connect() error {
	if s.runs != nil {
		return nil
	}
	config, err := s.Cluster()
	if err != nil {
		return err
	}
	client, err := metadata.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("connecting to the API server: %w", err)
	}
	s.runs = client.Resource(testRuns).Namespace(s.Namespace)
	return nil
}
