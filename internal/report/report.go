/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package report writes what became of a test for other programs and for people: as JUnit XML, as JSON, as an HTML file.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// State is what a test or one of its cases ended as.
type State string

// The states. Error is for tests that could not be judged, Skipped for cases alone.
const (
	Passed  State = "Passed"
	Failed  State = "Failed"
	Error   State = "Error"
	Skipped State = "Skipped"
)

// Report is what became of one run. All writers show the same.
type Report struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	App       string `json:"app"`
	// Script is the file name of the script, or its path in the git repository.
	Script string `json:"script,omitempty"`

	State   State  `json:"state"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`

	// Started is when the script was started; zero if it never was.
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
	Took    Duration  `json:"seconds"`

	Pod         string            `json:"pod,omitempty"`
	Git         *Git              `json:"git,omitempty"`
	AppVersions map[string]string `json:"appVersions,omitempty"`
	Attempts    []Attempt         `json:"attempts,omitempty"`

	Totals Totals `json:"totals"`
	Cases  []Case `json:"cases"`
	// Omitted is how many cases have ended that are not in Cases.
	Omitted int `json:"omittedCases,omitempty"`
}

// Git is where the script came from.
type Git struct {
	URL      string `json:"url"`
	Revision string `json:"revision,omitempty"`
	Commit   string `json:"commit,omitempty"`
}

// Attempt is one of several.
type Attempt struct {
	Number  int      `json:"number"`
	Pod     string   `json:"pod,omitempty"`
	State   State    `json:"state"`
	Reason  string   `json:"reason,omitempty"`
	Message string   `json:"message,omitempty"`
	Took    Duration `json:"seconds"`
}

// Totals count cases, those that are omitted too.
type Totals struct {
	Total   int `json:"total"`
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
}

// Case is a test case that has ended.
type Case struct {
	Name    string   `json:"name"`
	State   State    `json:"state"`
	Message string   `json:"message,omitempty"`
	Took    Duration `json:"seconds"`
}

// Duration is written in seconds.
type Duration time.Duration

// MarshalJSON writes a number.
func (d Duration) MarshalJSON() ([]byte, error) { return []byte(d.seconds()), nil }

func (d Duration) seconds() string { return fmt.Sprintf("%.3f", time.Duration(d).Seconds()) }

func (d Duration) String() string { return time.Duration(d).String() }

// WriteJSON writes the report as it is.
func (r *Report) WriteJSON(w io.Writer) error {
	shown := *r
	// No cases are an empty list, so that a reader need not ask whether there is one.
	shown.Cases = append([]Case{}, r.Cases...)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(&shown)
}
