/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package contract

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"
)

// MaxTerminationMessage is the number of bytes that the kubelet keeps of a termination
// message: https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
const MaxTerminationMessage = 4096

// Verdict is the outcome of a script.
type Verdict string

// The verdicts, one for each exit code.
const (
	Passed Verdict = "Passed"
	Failed Verdict = "Failed"
	Error  Verdict = "Error"
)

// ExitCode returns the exit code of a runner with this verdict.
func (v Verdict) ExitCode() int {
	switch v {
	case Passed:
		return ExitPassed
	case Failed:
		return ExitFailed
	default:
		return ExitError
	}
}

// VerdictOf returns the verdict that a runner's exit code stands for. Codes that the runner
// does not use, such as those of a killed process, are an Error.
func VerdictOf(exitCode int) Verdict {
	switch exitCode {
	case ExitPassed:
		return Passed
	case ExitFailed:
		return Failed
	default:
		return Error
	}
}

// Result is what a container of the run leaves in its termination message, as JSON.
type Result struct {
	Verdict Verdict `json:"verdict"`
	// Reason is one of the reasons above.
	Reason string `json:"reason,omitempty"`
	// Message is the first failure, with file and line where there is one.
	Message string `json:"message,omitempty"`
	// Duration is how long the script ran.
	Duration time.Duration `json:"duration,omitempty"`
	// GitCommit is the full SHA that was checked out. Only the fetch container sets it.
	GitCommit string `json:"gitCommit,omitempty"`
	// Cases count the test cases that have ended; nil if the script has none.
	Cases *Cases `json:"cases,omitempty"`
}

const cutMark = " ... (cut)"

// EncodeResult returns r as JSON of at most MaxTerminationMessage bytes. A message that is too
// long is cut at the end of a character, so that the JSON is always whole.
func EncodeResult(r Result) ([]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encoding the result: %w", err)
	}
	message := r.Message
	for len(data) > MaxTerminationMessage {
		// Escaping makes a character up to six bytes long, so the surplus is taken off in steps.
		surplus := len(data) - MaxTerminationMessage
		message = cut(message, len(message)-max(surplus/6, 1))
		r.Message = message + cutMark
		if data, err = json.Marshal(r); err != nil {
			return nil, fmt.Errorf("encoding the result: %w", err)
		}
	}
	return data, nil
}

// cut returns the first n bytes of s or less, without half a character at the end.
func cut(s string, n int) string {
	n = max(n, 0)
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// DecodeResult reads what EncodeResult wrote.
func DecodeResult(data []byte) (Result, error) {
	var r Result
	if err := json.Unmarshal(data, &r); err != nil {
		return Result{}, fmt.Errorf("decoding the result: %w", err)
	}
	if r.Verdict != Passed && r.Verdict != Failed && r.Verdict != Error {
		return Result{}, fmt.Errorf("decoding the result: verdict is %q, must be %s, %s or %s", r.Verdict, Passed, Failed, Error)
	}
	return r, nil
}
