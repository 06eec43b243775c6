/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runlog

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// logLine is a line as the kubelet holds it.
type logLine struct {
	at   time.Time
	text string
}

// read returns the log as the kubelet serves it from a second on.
func read(log []logLine, since time.Time) string {
	var b strings.Builder
	for _, l := range log {
		if !l.at.Before(since) {
			fmt.Fprintf(&b, "%s %s\n", l.at.Format("2006-01-02T15:04:05.000000000Z07:00"), l.text)
		}
	}
	return b.String()
}

func plain(log []logLine) string {
	var b strings.Builder
	for _, l := range log {
		b.WriteString(l.text + "\n")
	}
	return b.String()
}

// Wherever a connection breaks, and however often, every line comes out once.
func TestEveryLineOnce(t *testing.T) {
	for _, tc := range []struct {
		reason string
		log    []logLine
	}{
		{"one line a second", []logLine{{start, "a"}, {start.Add(time.Second), "b"}, {start.Add(2 * time.Second), "c"}, {start.Add(3 * time.Second), "d"}}},
		{"many lines in the same second", []logLine{{start.Add(1), "a"}, {start.Add(2), "b"}, {start.Add(3), "c"}, {start.Add(4), "d"}}},
		{"lines with the very same time and text", []logLine{{start, "a"}, {start, "a"}, {start, "a"}, {start.Add(1), "b"}, {start.Add(1), "b"}}},
		{"two threads write: the times are not in order", []logLine{
			{start.Add(990 * time.Millisecond), "a"}, {start.Add(1010 * time.Millisecond), "b"}, {start.Add(995 * time.Millisecond), "c"},
			{start.Add(2050 * time.Millisecond), "d"}, {start.Add(1995 * time.Millisecond), "e"}, {start.Add(2060 * time.Millisecond), "f"},
		}},
		{"empty lines, spaces, and text that looks like a time", []logLine{{start, ""}, {start, "  "}, {start.Add(1), start.Format(time.RFC3339Nano) + " x"}, {start.Add(2), "ä€"}}},
		{"a line that is longer than any buffer", []logLine{{start, "a"}, {start.Add(1), strings.Repeat("long ", 1<<16)}, {start.Add(2), "b"}}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			for range 300 {
				var out bytes.Buffer
				l := newLines(&out, false)
				cuts := feedWithBreaks(t, l, tc.log, random)
				if diff := cmp.Diff(plain(tc.log), out.String()); diff != "" {
					t.Fatalf("log after breaks at %v (-want +got):\n%s", cuts, diff)
				}
			}
		})
	}
}

// feedWithBreaks reads the log several times, each but the last one up to some byte only.
func feedWithBreaks(t *testing.T, l *lines, log []logLine, random *rand.Rand) []int {
	t.Helper()
	var cuts []int
	for range random.IntN(4) {
		all := read(log, l.since)
		cut := random.IntN(len(all) + 1)
		cuts = append(cuts, cut)
		write(t, l, all[:cut], random)
		l.reopen()
	}
	write(t, l, read(log, l.since), random)
	return cuts
}

// write hands the text over in pieces, as a network does.
func write(t *testing.T, l *lines, text string, random *rand.Rand) {
	t.Helper()
	for len(text) > 0 {
		n := 1 + random.IntN(min(len(text), 1<<15))
		if _, err := l.Write([]byte(text[:n])); err != nil {
			t.Fatal(err)
		}
		text = text[n:]
	}
}

func TestLinesInDetail(t *testing.T) {
	at := func(s string) string { return "2026-03-01T12:00:" + s + "Z" }
	for _, tc := range []struct {
		reason     string
		keepStamps bool
		streams    []string
		want       string
	}{
		{
			reason:  "a line is passed on before its end has come",
			streams: []string{at("01.5") + " working"},
			want:    "working",
		},
		{
			reason:     "a timestamp is printed once for a line that came in two parts",
			keepStamps: true,
			streams:    []string{at("01.5") + " half", at("01.5") + " half a line\n"},
			want:       at("01.5") + " half a line\n",
		},
		{
			reason:  "after --tail, a reopened log must not bring the lines before",
			streams: []string{at("01.7") + " last\n", at("01.5") + " older\n" + at("01.7") + " last\n" + at("01.9") + " new\n"},
			want:    "last\nnew\n",
		},
		{
			reason:  "a rotated log does not repeat what was passed on, and nothing new is taken for it",
			streams: []string{at("01.5") + " a\n" + at("01.6") + " b\n", at("01.7") + " c\n" + at("01.8") + " d\n"},
			want:    "a\nb\nc\nd\n",
		},
		{
			reason:  "a line whose rest was rotated away does not swallow the next one",
			streams: []string{at("01.5") + " torn", at("01.7") + " next\n"},
			want:    "torn\nnext\n",
		},
		{
			reason:  "the words of the kubelet have no timestamp",
			streams: []string{"unable to retrieve container logs for containerd://abc"},
			want:    "unable to retrieve container logs for containerd://abc",
		},
		{
			reason:  "the rest of a long line that began before the log was reopened is known",
			streams: []string{at("01.5") + " a\n", "the rest of a long line\n" + at("01.5") + " a\n" + at("02.5") + " b\n"},
			want:    "a\nb\n",
		},
		{
			reason:  "a break within a timestamp",
			streams: []string{at("01.5") + " a\n2026-03-", at("01.5") + " a\n" + at("01.6") + " b\n"},
			want:    "a\nb\n",
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			var out bytes.Buffer
			l := newLines(&out, tc.keepStamps)
			for i, stream := range tc.streams {
				if i > 0 {
					l.reopen()
				}
				if _, err := l.Write([]byte(stream)); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tc.want, out.String()); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	}
}

// Only the last two seconds are remembered, however long the log is.
func TestMemoryIsBounded(t *testing.T) {
	l := newLines(&bytes.Buffer{}, false)
	for i := range 100_000 {
		at := start.Add(time.Duration(i) * time.Millisecond)
		if _, err := fmt.Fprintf(l, "%s line\n", at.Format(time.RFC3339Nano)); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.passed) > 2001 {
		t.Errorf("%d lines are remembered, want those of two seconds", len(l.passed))
	}
}
