/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

var (
	example = regexp.MustCompile("(?ms)^```lua\n(.*?)^```$")
	// withPods are the calls that need a kubelet. The examples with them are run on a real cluster alone.
	withPods = regexp.MustCompile(`sut\.(exec|logs|restart|rollback)\b`)
)

// runExamples runs the examples of docs/lua.md on an App with one database, as the sample App is, and with the Secret
// "login".
func (s *system) runExamples(t *testing.T) {
	page, err := os.ReadFile("../../docs/lua.md")
	must(t, err)
	examples := example.FindAllSubmatchIndex(page, -1)
	if len(examples) < 10 {
		t.Fatalf("the page has %d examples", len(examples))
	}
	// The examples write a user once more, as the users of the sample App can be.
	query(t, s.database.DSN(), "TRUNCATE users", "INSERT INTO users VALUES ('alice', 'admin')", "ALTER TABLE users ADD PRIMARY KEY (name)")
	app := &v1alpha1.App{}
	must(t, s.kube.Get(t.Context(), client.ObjectKey{Namespace: s.environment.Namespace, Name: s.environment.App}, app))
	before := app.DeepCopy()
	app.Spec.Databases = app.Spec.Databases[:1]
	must(t, s.kube.Patch(t.Context(), app, client.MergeFrom(before)))
	secrets := Secrets{Dir: secretVolume(t, map[string]map[string]string{"login": {"password": "p4ssword"}}), Names: []string{"login"}}
	for _, at := range examples {
		if withPods.Match(page[at[2]:at[3]]) {
			continue
		}
		t.Run(fmt.Sprintf("line %d", 1+bytes.Count(page[:at[0]], []byte("\n"))), func(t *testing.T) {
			var log bytes.Buffer
			result := Run(t.Context(), Options{
				Roots: bundle(t, string(page[at[2]:at[3]])), Script: "test.lua", Timeout: time.Minute, Connect: s.connect, Output: &log, Secrets: secrets,
			})
			if result.Verdict != contract.Passed {
				t.Errorf("the example ended as %s:\n%s", result.Reason, log.String())
			}
		})
	}
}
