/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package report

import (
	"cmp"
	"encoding/xml"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The elements of JUnit XML, in the order and with the attributes that the schema of Ant's JUnit task asks for, which is the
// strictest one; other readers take what it allows.
type (
	junitSuites struct {
		XMLName xml.Name   `xml:"testsuites"`
		Suite   junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name       string          `xml:"name,attr"`
		Package    string          `xml:"package,attr"`
		ID         int             `xml:"id,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Hostname   string          `xml:"hostname,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		SystemOut  string          `xml:"system-out"`
		SystemErr  string          `xml:"system-err"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		ClassName string        `xml:"classname,attr"`
		Time      string        `xml:"time,attr"`
		Skipped   *junitSkipped `xml:"skipped"`
		Error     *junitProblem `xml:"error"`
		Failure   *junitProblem `xml:"failure"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// junitTime has no time zone: the schema allows none.
const junitTime = "2006-01-02T15:04:05"

// WriteJUnit writes the run as a suite with a testcase for each case. A run that has no cases, or that ended badly for another
// reason than one of its cases, is a testcase itself.
func (r *Report) WriteJUnit(w io.Writer) error {
	suite := junitSuite{
		Name: r.Name, Package: token(r.App, "app"), Timestamp: r.Started.UTC().Format(junitTime), Hostname: token(r.Pod, "localhost"),
		Time: r.Took.seconds(), Properties: r.junitProperties(),
	}
	if r.Started.IsZero() {
		suite.Timestamp = cmp.Or(r.Ended, time.Unix(0, 0)).UTC().Format(junitTime)
	}
	failed := false
	for _, c := range r.Cases {
		suite.add(r.junitCase(c, string(c.State)))
		failed = failed || c.State == Failed
	}
	if len(r.Cases) == 0 || r.State == Error || r.State == Failed && !failed {
		suite.add(r.junitCase(Case{Name: r.Name, State: r.State, Message: r.Message, Took: r.Took}, r.Reason))
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(junitSuites{Suite: suite}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *junitSuite) add(c junitCase) {
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func (r *Report) junitCase(c Case, kind string) junitCase {
	junit := junitCase{Name: token(c.Name, "unnamed"), ClassName: token(strings.TrimSuffix(r.Script, ".lua"), r.Name), Time: c.Took.seconds()}
	summary, _, _ := strings.Cut(c.Message, "\n")
	problem := &junitProblem{Message: summary, Type: cmp.Or(kind, string(c.State)), Text: c.Message}
	switch c.State {
	case Failed:
		junit.Failure = problem
	case Error:
		junit.Error = problem
	case Skipped:
		junit.Skipped = &junitSkipped{Message: c.Message}
	}
	return junit
}

// token is what the schema allows for a name: no blanks but single ones between words, and never nothing.
func token(text, instead string) string {
	return cmp.Or(strings.Join(strings.Fields(text), " "), instead)
}

func (r *Report) junitProperties() []junitProperty {
	all := []junitProperty{
		{"topas.namespace", r.Namespace}, {"topas.app", r.App}, {"topas.state", string(r.State)}, {"topas.reason", r.Reason},
	}
	if r.Git != nil {
		all = append(all, junitProperty{"topas.git.url", r.Git.URL}, junitProperty{"topas.git.revision", r.Git.Revision}, junitProperty{"topas.git.commit", r.Git.Commit})
	}
	if len(r.Attempts) > 0 {
		all = append(all, junitProperty{"topas.attempts", strconv.Itoa(len(r.Attempts))})
	}
	if r.Omitted > 0 {
		all = append(all, junitProperty{"topas.omittedCases", strconv.Itoa(r.Omitted)})
	}
	for _, service := range slices.Sorted(maps.Keys(r.AppVersions)) {
		all = append(all, junitProperty{"topas.version." + service, r.AppVersions[service]})
	}
	return slices.DeleteFunc(all, func(p junitProperty) bool { return p.Value == "" })
}
