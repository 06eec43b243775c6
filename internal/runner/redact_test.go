/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRedact(t *testing.T) {
	const certificate = "-----BEGIN-----\nMIIB8zCC\nAVmgAwIB\n-----END-----\n"
	for _, tc := range []struct {
		reason     string
		values     []string
		text, want string
	}{
		{reason: "a value", values: []string{"s3cret"}, text: "it is s3cret, s3cret!", want: "it is ***, ***!"},
		{reason: "part of a longer word", values: []string{"s3cret"}, text: "xs3crets", want: "x***s"},
		{reason: "nothing is secret", text: "it is s3cret"},
		{reason: "short values occur everywhere", values: []string{"", "a", "ab"}, text: "abc"},
		{reason: "the longest one counts", values: []string{"pass", "password"}, text: "password pass", want: "*** ***"},
		{reason: "values that overlap", values: []string{"abcd", "cdef", "efgh"}, text: "-abcdefgh-", want: "-***-"},
		{reason: "values side by side", values: []string{"abcd"}, text: "abcdabcd", want: "******"},
		{reason: "a file is taken out line by line", values: []string{certificate}, text: "got:\n" + certificate + "MIIB8zCC AVmg\n", want: "got:\n***\n***\n***\n***\n*** AVmg\n"},
		{reason: "lines of Windows", values: []string{"first\r\nsecond"}, text: "first second", want: "*** ***"},
		{reason: "space around a value", values: []string{" s3cret \n"}, text: "(s3cret)", want: "(***)"},
		{reason: "a long value that was cut", values: []string{"0123456789abcdefghij"}, text: `got "0123456789abcdefgh..." 0123456789`, want: `got "***..." 0123456789`},
		{reason: "in JSON", values: []string{`say "hi"`}, text: `{"a":"say \"hi\""}`, want: `{"a":"***"}`},
		{reason: "in a URL", values: []string{"p@ss word/1"}, text: "http://x/p@ss%20word%2F1?q=p%40ss+word%2F1", want: "http://x/***?q=***"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			want := tc.want
			if want == "" {
				want = tc.text
			}
			if got := newRedactor(tc.values).redact(tc.text); got != want {
				t.Errorf("redacted is %q, want %q", got, want)
			}
		})
	}
}

// A value can begin at each of the three bytes that four characters of Base64 stand for.
func TestRedactBase64(t *testing.T) {
	r := newRedactor([]string{"p4ss+wörd~?>\n"})
	for _, user := range []string{"", "u", "us", "use", "admin:"} {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
			text := encoding.EncodeToString([]byte(user + "p4ss+wörd~?>" + "!"))
			got := r.redact("Basic " + text)
			if !strings.Contains(got, redacted) || len(got) > len("Basic ")+len(redacted)+len(user)*4/3+6 {
				t.Errorf("redacted is %q, was %q", got, text)
			}
		}
	}
}

func TestRedactedLogIsWrittenAtOnce(t *testing.T) {
	var out bytes.Buffer
	w := newRedactor([]string{"s3cret", "multi\nline"}).writer(&out)
	var got []string
	for _, part := range []string{"one\n", "two s3", "cret three\n", "mul", "e\n", "half s", "3\n", "ends in s3c"} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("Write returned %d, %v", n, err)
		}
		got = append(got, out.String())
		out.Reset()
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	got = append(got, out.String())
	want := []string{"one\n", "two ", "*** three\n", "", "mule\n", "half ", "s3\n", "ends in ", "s3c"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what came out after each write (-want +got):\n%s", diff)
	}
}

// However a text is cut into writes, the same comes out, and nothing of a secret does.
func FuzzRedactedWrites(f *testing.F) {
	f.Add("s3cret", "abab", "xs3s3cretababab\ns3cre", uint64(0x5555))
	f.Add("0123456789abcdefghij", "89abcdefghijklmnopq", "0123456789abcdefghijkl 0123456789abcdefg\n89abcdefghijklmno", uint64(0x5a5a5a5a5a5a5a5a))
	f.Add("abb", "bbabbabbb", "abbabbab", uint64(0xffff))
	f.Add("aaa", "aaaab", "aaaaaaaaabaaa\naa", uint64(0xffff))
	f.Fuzz(func(t *testing.T, first, second, text string, cuts uint64) {
		if len(text) > 1000 {
			return
		}
		r := newRedactor([]string{first, second})
		want := r.redact(text)
		var out bytes.Buffer
		w := r.writer(&out)
		for i, from := 0, 0; i < len(text); i++ {
			if cuts>>(i%64)&1 == 1 || i == len(text)-1 {
				_, _ = w.Write([]byte(text[from : i+1]))
				from = i + 1
			}
		}
		_ = w.Flush()
		if out.String() != want {
			t.Errorf("written in pieces: %q, at once: %q", out.String(), want)
		}
	})
}
