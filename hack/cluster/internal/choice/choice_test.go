/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package choice

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	missing := errors.New("not there")
	tests := map[string]struct {
		reason       string
		asked        string
		kind, engine error
		want         string
		says         string
		fails        bool
	}{
		"Unset":     {"auto is the default", "", nil, nil, Kind, "kind and a Docker engine", false},
		"NoKind":    {"Docker alone is not enough", "auto", missing, nil, Local, "no kind on the PATH", false},
		"NoEngine":  {"the client without an engine is not enough", "auto", nil, missing, Local, "no Docker engine answers (not there)", false},
		"Forced":    {"asking beats looking", "kind", missing, missing, Kind, "CLUSTER=kind", false},
		"Local":     {"even where kind would work", "local", nil, nil, Local, "CLUSTER=local", false},
		"Current":   {"a cluster of somebody else's is only taken when asked for", "current", nil, nil, Current, "CLUSTER=current", false},
		"Misspelt":  {"the error names what is allowed", "minikube", nil, nil, "", `CLUSTER="minikube": allowed are auto, kind, local and current`, true},
		"WrongCase": {"values are exact", "Kind", nil, nil, "", "allowed are", true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, says, err := Choose(t.Context(), tc.asked, Lookup{
				KindOnPath:   func() error { return tc.kind },
				DockerEngine: func(context.Context) error { return tc.engine },
			})
			if err != nil {
				says = err.Error()
			}
			if got != tc.want || (err != nil) != tc.fails || !strings.Contains(says, tc.says) {
				t.Errorf("%s: got %q, %q, %v; want %q with %q", tc.reason, got, says, err, tc.want, tc.says)
			}
		})
	}
}
