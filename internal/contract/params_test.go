/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package contract

import (
	"maps"
	"strings"
	"testing"
)

func TestParams(t *testing.T) {
	want := map[string]string{"A": "", "B": "1=\"2\"\n<&>"}
	got, err := DecodeParams([]byte(EncodeParams(want)))
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("decoded as %v, %v, want %v", got, err, want)
	}
	if _, err := DecodeParams([]byte(`{"A": 1}`)); err == nil || !strings.Contains(err.Error(), "want a JSON object of strings") {
		t.Errorf("error is %v, want it to say what is allowed", err)
	}
}
