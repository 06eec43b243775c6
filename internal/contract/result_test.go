/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package contract

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestResultSurvivesTheTerminationMessage(t *testing.T) {
	want := Result{
		Verdict:  Failed,
		Reason:   ReasonAssertionFailed,
		Message:  "upgrade_test.lua:12: assertion failed!\n\"quoted\" <&> ä",
		Duration: 1500 * time.Millisecond,
		Cases:    &Cases{Total: 3, Passed: 1, Failed: 1, Skipped: 1},
	}
	data, err := EncodeResult(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeResult(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
}

func TestLongMessagesAreCutToFit(t *testing.T) {
	for _, tc := range []struct{ reason, unit string }{
		{"plain text", "a"},
		{"characters of several bytes must not be cut in half", "ä€"},
		{"escaped characters grow in JSON", "\x01\"<"},
		{"invalid UTF-8 is replaced by the encoder", "\xff"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			data, err := EncodeResult(Result{Verdict: Error, Message: strings.Repeat(tc.unit, 10000)})
			if err != nil {
				t.Fatal(err)
			}
			if len(data) > MaxTerminationMessage || len(data) < MaxTerminationMessage*3/4 {
				t.Errorf("encoded result has %d bytes, want just under %d", len(data), MaxTerminationMessage)
			}
			got, err := DecodeResult(data)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(got.Message, cutMark) || !utf8.ValidString(got.Message) {
				t.Errorf("message ends in %q", got.Message[len(got.Message)-20:])
			}
		})
	}
}

func FuzzEncodeResult(f *testing.F) {
	f.Add("message", "reason")
	f.Add(strings.Repeat("\x00", 5000), "")
	f.Fuzz(func(t *testing.T, message, reason string) {
		if len(reason) > 100 {
			return
		}
		data, err := EncodeResult(Result{Verdict: Failed, Reason: reason, Message: message})
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > MaxTerminationMessage || !json.Valid(data) {
			t.Fatalf("%d bytes, valid JSON: %v", len(data), json.Valid(data))
		}
	})
}

func TestDecodeResultRefusesWhatIsNoResult(t *testing.T) {
	for _, data := range []string{"", "exit status 1", "{}", `{"verdict":"Maybe"}`} {
		if r, err := DecodeResult([]byte(data)); err == nil {
			t.Errorf("DecodeResult(%q) = %+v, want an error", data, r)
		}
	}
}

func TestVerdictsAndExitCodes(t *testing.T) {
	for code, want := range map[int]Verdict{0: Passed, 1: Failed, 2: Error, 137: Error, -1: Error} {
		if got := VerdictOf(code); got != want {
			t.Errorf("VerdictOf(%d) = %s, want %s", code, got, want)
		}
	}
	for _, v := range []Verdict{Passed, Failed, Error} {
		if got := VerdictOf(v.ExitCode()); got != v {
			t.Errorf("VerdictOf(%s.ExitCode()) = %s", v, got)
		}
	}
}
