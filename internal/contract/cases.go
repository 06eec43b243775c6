/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package contract

import (
	"strings"
	"time"
)

// Cases count test cases.
type Cases struct {
	Total   int `json:"total"`
	Passed  int `json:"passed"`
	Failed  int `json:"failed"`
	Skipped int `json:"skipped"`
}

// CaseState is what a test case ended as.
type CaseState string

// The states of a test case.
const (
	CasePassed  CaseState = "Passed"
	CaseFailed  CaseState = "Failed"
	CaseSkipped CaseState = "Skipped"
)

// CaseResult is a test case that has ended.
type CaseResult struct {
	// Name holds the names of the cases around it before its own, joined by "/".
	Name  string    `json:"name"`
	State CaseState `json:"state"`
	// Message is the failure with file and line, or why the case was skipped.
	Message string `json:"message,omitempty"`
	// Duration is a Go duration.
	Duration string `json:"duration,omitempty"`
}

// Bounds on a Progress, so that the status of a TestRun stays small.
const (
	maxCaseName    = 256
	maxCaseMessage = 1024
	maxCaseResults = 200
	// firstCaseResults is up to where cases are listed whatever they ended as; behind it only the failed ones are.
	firstCaseResults = 100
)

// Progress is how far a script has come.
type Progress struct {
	Cases   Cases
	Results []CaseResult
	// Omitted is how many cases have ended and are not among the results.
	Omitted int
}

// Add counts a case that has ended, and lists it if there is room.
func (p *Progress) Add(name string, state CaseState, message string, duration time.Duration) {
	p.Cases.Total++
	room := firstCaseResults
	switch state {
	case CasePassed:
		p.Cases.Passed++
	case CaseSkipped:
		p.Cases.Skipped++
	default:
		p.Cases.Failed++
		room = maxCaseResults
	}
	if len(p.Results) >= room {
		p.Omitted++
		return
	}
	p.Results = append(p.Results, CaseResult{
		Name: bounded(name, maxCaseName), State: state, Message: bounded(message, maxCaseMessage), Duration: duration.String(),
	})
}

// bounded cuts a text to a number of bytes.
func bounded(text string, most int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) <= most {
		return text
	}
	return cut(text, most-len(cutMark)) + cutMark
}
