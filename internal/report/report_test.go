/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package report

import (
	"bytes"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files in testdata anew")

var started = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func reports() map[string]*Report {
	return map[string]*Report{
		"failed": {
			Name: "orders-x7k2p", Namespace: "shop", App: "my-app", Script: "tests/orders.lua", State: Failed, Reason: "AssertionFailed",
			Message: "orders.lua:31: expect(order):covers\n  .items[1].qty  expected 2, got 1",
			Started: started, Ended: started.Add(15200 * time.Millisecond), Took: Duration(15200 * time.Millisecond), Pod: "orders-x7k2p-2",
			Git:         &Git{URL: "https://git.example.com/shop.git", Revision: "main", Commit: "0123456789abcdef0123456789abcdef01234567"},
			AppVersions: map[string]string{"frontend": "v1.1.0", "echo": "v1.0.0"},
			Attempts: []Attempt{
				{Number: 1, Pod: "orders-x7k2p-1", State: Error, Reason: "Evicted", Message: "The node was low on memory", Took: Duration(3 * time.Second)},
				{Number: 2, Pod: "orders-x7k2p-2", State: Failed, Reason: "AssertionFailed", Message: "orders.lua:31: expect(order):covers", Took: Duration(15 * time.Second)},
			},
			Totals: Totals{Total: 303, Passed: 301, Failed: 1, Skipped: 1},
			Cases: []Case{
				{Name: "checkout/creates order", State: Failed, Message: "orders.lua:31: expect(order):covers\n  .items[1].qty  expected 2, got 1", Took: Duration(412 * time.Millisecond)},
				{Name: "users <&> \"others\"", State: Passed, Took: Duration(38 * time.Millisecond)},
				{Name: "later", State: Skipped, Message: "not today"},
			},
			Omitted: 300,
		},
		"without_cases": {
			Name: "smoke", Namespace: "shop", App: "my-app", Script: "smoke.lua", State: Passed, Reason: "Passed", Started: started, Took: Duration(time.Second), Pod: "smoke-1",
		},
		"error": {
			Name: "lost", Namespace: "shop", App: "my-app", State: Error, Reason: "AppNotFound", Message: `App "my-app" is not in namespace "shop"`, Ended: started,
		},
		"failed_beside_its_cases": {
			Name: "aside", Namespace: "shop", App: "my-app", Script: "aside.lua", State: Failed, Reason: "TimedOut", Message: "not done within 1s", Started: started, Took: Duration(time.Second),
			Totals: Totals{Total: 1, Passed: 1}, Cases: []Case{{Name: "one", State: Passed}},
		},
		"hostile": {
			Name: "hostile", Namespace: "shop", App: "my-app", Script: "a.lua", State: Failed, Message: "\x1b[31mred\x00 ]]> <script>alert(1)</script>\xff", Started: started,
			Totals: Totals{Total: 2, Failed: 2}, Cases: []Case{
				{Name: "  two\n\twords ", State: Failed, Message: "</failure><script>alert(1)</script>\x07"},
				{Name: " \n", State: Failed},
			},
		},
	}
}

func TestWriters(t *testing.T) {
	for format, write := range map[string]func(*Report, io.Writer) error{
		"xml": (*Report).WriteJUnit, "json": (*Report).WriteJSON, "html": (*Report).WriteHTML,
	} {
		for name, report := range reports() {
			t.Run(name+"."+format, func(t *testing.T) {
				var out bytes.Buffer
				if err := write(report, &out); err != nil {
					t.Fatal(err)
				}
				golden(t, name+"."+format, out.Bytes())
			})
		}
	}
}

// golden compares got with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run the test with -update, and read what it writes", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

var (
	plainTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$`)
	decimal   = regexp.MustCompile(`^\d+(\.\d+)?$`)
)

// What the schema of Ant's JUnit task asks for, but for the order of elements, which the golden files show.
func TestJUnitKeepsTheSchema(t *testing.T) {
	for name, report := range reports() {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := report.WriteJUnit(&out); err != nil {
				t.Fatal(err)
			}
			var suites junitSuites
			if err := xml.Unmarshal(out.Bytes(), &suites); err != nil {
				t.Fatalf("%v:\n%s", err, &out)
			}
			s := suites.Suite
			for what, token := range map[string]string{"name": s.Name, "package": s.Package, "hostname": s.Hostname} {
				checkToken(t, what, token)
			}
			if !plainTime.MatchString(s.Timestamp) || !decimal.MatchString(s.Time) {
				t.Errorf("timestamp %q, time %q", s.Timestamp, s.Time)
			}
			counts := junitSuite{}
			for _, c := range s.Cases {
				checkToken(t, "name of a case", c.Name)
				checkToken(t, "class name of a case", c.ClassName)
				if !decimal.MatchString(c.Time) {
					t.Errorf("time of case %s: %q", c.Name, c.Time)
				}
				counts.add(c)
			}
			got := [4]int{s.Tests, s.Failures, s.Errors, s.Skipped}
			if want := [4]int{counts.Tests, counts.Failures, counts.Errors, counts.Skipped}; got != want {
				t.Errorf("tests, failures, errors, skipped are %v, there are %v", got, want)
			}
			if bad := s.Failures + s.Errors; (bad > 0) != (report.State != Passed) {
				t.Errorf("%d bad cases in a run that has %s", bad, report.State)
			}
		})
	}
}

func checkToken(t *testing.T, what, text string) {
	t.Helper()
	if text == "" || strings.Join(strings.Fields(text), " ") != text {
		t.Errorf("%s is %q", what, text)
	}
}

// The page must not fetch anything, and nothing that a test printed may act in it.
func TestHTMLStandsAlone(t *testing.T) {
	outside := regexp.MustCompile(`(?i)<script|<link|<img|<iframe|\bsrc=|\bhref=|url\(|@import|\son\w+=`)
	for name, report := range reports() {
		var out bytes.Buffer
		if err := report.WriteHTML(&out); err != nil {
			t.Fatal(err)
		}
		if found := outside.Find(out.Bytes()); found != nil {
			t.Errorf("the page of %s contains %q", name, found)
		}
	}
}
