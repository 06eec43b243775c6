/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
)

const (
	// redacted stands where a secret was.
	redacted = "***"
	// minSecret is how many bytes a value needs to be taken out of texts: shorter ones occur everywhere.
	minSecret = 3
	// minEncoded is the same for values in Base64.
	minEncoded = 6
	// minPart is how many bytes the beginning of a value needs: messages cut long values.
	minPart = 16
)

// redactor takes secrets out of texts. No pattern holds the end of a line.
type redactor struct {
	// patterns are what is taken out, by their first bytes.
	patterns map[[minSecret]byte][]string
	// beginnings are the parts of patterns that are shorter than that.
	beginnings map[string]bool
	longest    int
}

// newRedactor returns one for the values as they are, line by line, and in the encodings that they have in requests.
func newRedactor(values []string) *redactor {
	r := &redactor{patterns: map[[minSecret]byte][]string{}, beginnings: map[string]bool{}}
	for _, value := range values {
		for line := range strings.Lines(value) {
			line = strings.TrimRight(line, "\r\n")
			r.add(minSecret, line, strings.TrimSpace(line), inJSON(line), url.QueryEscape(line), url.PathEscape(line))
		}
		if value = strings.TrimRight(value, "\r\n"); len(value) >= minSecret {
			r.add(minEncoded, inBase64(value)...)
		}
	}
	return r
}

func (r *redactor) add(atLeast int, patterns ...string) {
	for _, p := range patterns {
		if len(p) < atLeast || slices.Contains(r.patterns[start(p)], p) {
			continue
		}
		r.patterns[start(p)] = append(r.patterns[start(p)], p)
		r.longest = max(r.longest, len(p))
		for n := 1; n < minSecret; n++ {
			r.beginnings[p[:n]] = true
		}
	}
}

func start[T string | []byte](text T) [minSecret]byte {
	return [minSecret]byte([]byte(text[:minSecret]))
}

func inJSON(value string) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(err) // strings can always be encoded
	}
	return string(encoded[1 : len(encoded)-1])
}

// inBase64 returns the characters that a value has in Base64 for certain, whatever is before and behind it: there are
// three ways how its bytes can lie on characters.
func inBase64(value string) []string {
	var forms []string
	for before := range 3 {
		encoded := base64.StdEncoding.EncodeToString(append(make([]byte, before), value...))
		form := encoded[(8*before+5)/6 : 8*(before+len(value))/6]
		forms = append(forms, form, strings.NewReplacer("+", "-", "/", "_").Replace(form))
	}
	return forms
}

// span is where secrets are in a text that overlap each other.
type span struct{ from, to int }

func (r *redactor) spans(text []byte) []span {
	var found []span
	for i := 0; i+minSecret <= len(text); i++ {
		n := r.secretAt(text[i:])
		if n == 0 {
			continue
		}
		if last := len(found) - 1; last >= 0 && i < found[last].to {
			found[last].to = max(found[last].to, i+n)
		} else {
			found = append(found, span{from: i, to: i + n})
		}
	}
	return found
}

// secretAt is the length of the longest secret, or beginning of one, at the front of a text; 0 if there is none.
func (r *redactor) secretAt(text []byte) int {
	longest := 0
	for _, p := range r.patterns[start(text)] {
		n := 0
		for n < min(len(p), len(text)) && p[n] == text[n] {
			n++
		}
		if n == len(p) || n >= minPart {
			longest = max(longest, n)
		}
	}
	return longest
}

// redact returns a text without secrets.
func (r *redactor) redact(text string) string {
	if r.longest == 0 {
		return text
	}
	return string(without([]byte(text), r.spans([]byte(text))))
}

func without(text []byte, spans []span) []byte {
	if len(spans) == 0 {
		return text
	}
	var left []byte
	end := 0
	for _, s := range spans {
		left = append(append(left, text[end:s.from]...), redacted...)
		end = s.to
	}
	return append(left, text[end:]...)
}

// writer returns a Writer that takes secrets out of what is written to out, also where one is written in pieces. It
// keeps back nothing but the end of a line that could be the beginning of a secret.
func (r *redactor) writer(out io.Writer) *redactingWriter {
	return &redactingWriter{redactor: r, out: out}
}

type redactingWriter struct {
	redactor *redactor
	mu       sync.Mutex
	out      io.Writer
	kept     []byte
}

func (w *redactingWriter) Write(data []byte) (int, error) {
	if w.redactor.longest == 0 {
		return w.out.Write(data)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	text := slices.Concat(w.kept, data)
	spans := w.redactor.spans(text)
	end := w.redactor.certainUpTo(text)
	for last := len(spans) - 1; last >= 0 && spans[last].to > end; last-- {
		end, spans = min(end, spans[last].from), spans[:last]
	}
	w.kept = bytes.Clone(text[end:])
	return len(data), w.write(without(text[:end], spans))
}

// Flush writes what was kept back.
func (w *redactingWriter) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := w.redactor.redact(string(w.kept))
	w.kept = nil
	return w.write([]byte(rest))
}

func (w *redactingWriter) write(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	_, err := w.out.Write(data)
	return err
}

// certainUpTo is where the first part of a text begins that could be the beginning of a secret which goes on later.
func (r *redactor) certainUpTo(text []byte) int {
	from := max(bytes.LastIndexByte(text, '\n')+1, len(text)-r.longest+1)
	for i := from; i < len(text); i++ {
		if r.begins(text[i:]) {
			return i
		}
	}
	return len(text)
}

func (r *redactor) begins(rest []byte) bool {
	if len(rest) < minSecret {
		return r.beginnings[string(rest)]
	}
	return slices.ContainsFunc(r.patterns[start(rest)], func(p string) bool {
		return len(p) > len(rest) && p[:len(rest)] == string(rest)
	})
}
