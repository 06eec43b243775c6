/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runlog

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"time"
)

// maxStampBytes is longer than any RFC 3339 time with nanoseconds and an offset.
const maxStampBytes = 40

// lines passes the lines of a container's log on to a writer, each of them once, however often
// the log is opened again. It is fed with a log that has a timestamp before every line.
//
// A log is opened again by whole seconds, and its lines are not strictly in the order of their
// timestamps (standard output and standard error are written by two threads). So the lines of the
// last two seconds are remembered, and are left out when they come again.
type lines struct {
	out *bufio.Writer
	// keepStamps is whether the timestamps are passed on too.
	keepStamps bool

	// stamp collects the beginning of a line until its timestamp is complete.
	stamp []byte
	state lineState
	// reopened is true when the log was opened for at least the second time.
	reopened bool
	// fresh is the number of bytes that were passed on since the log was opened.
	fresh int64
	// skip is the number of bytes of the current line that were passed on before.
	skip int

	// first is the timestamp of the first line of all. Older lines were not asked for.
	first time.Time
	// since is the second from which the log has to be opened again; zero before the first line.
	since time.Time
	// passed counts the lines that were passed on since then, by timestamp.
	passed map[string]int
	// expected are those of passed that will come again.
	expected map[string]int
	// open is the line whose end has not been seen, or nil.
	open *openLine
}

// openLine is a line of which the first bytes were passed on.
type openLine struct {
	stamp string
	time  time.Time
	bytes int
}

type lineState int

const (
	inStamp lineState = iota
	inLine
	inKnownLine
)

func newLines(out io.Writer, keepStamps bool) *lines {
	return &lines{out: bufio.NewWriter(out), keepStamps: keepStamps, passed: map[string]int{}}
}

// reopen must be called before the log is read again from l.since on.
func (l *lines) reopen() {
	l.reopened = true
	l.expected = maps.Clone(l.passed)
	l.stamp, l.state, l.skip, l.fresh = l.stamp[:0], inStamp, 0, 0
}

// whole reports whether the log was opened again, and has shown everything that was known of it and
// nothing new, so that nothing can have been cut off its end.
func (l *lines) whole() bool {
	if !l.reopened {
		return false
	}
	for _, n := range l.expected {
		if n > 0 {
			return false
		}
	}
	return l.fresh == 0 && l.open == nil
}

// Write takes the next bytes of the log. Everything that is new in them has been written when it
// returns, whether or not a line is complete.
func (l *lines) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if l.state == inStamp {
			rest = l.readStamp(rest)
			continue
		}
		rest = l.readLine(rest)
	}
	return len(p), l.out.Flush()
}

// readStamp takes the timestamp from the beginning of a line and returns what follows it.
func (l *lines) readStamp(p []byte) []byte {
	end := bytes.IndexAny(p, " \n")
	if end < 0 && len(l.stamp)+len(p) <= maxStampBytes {
		l.stamp = append(l.stamp, p...)
		return nil
	}
	if end < 0 || len(l.stamp)+end > maxStampBytes {
		return l.beginUnstamped(p)
	}
	stamp := string(l.stamp) + string(p[:end])
	at, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return l.beginUnstamped(p)
	}
	l.stamp = l.stamp[:0]
	l.begin(stamp, at)
	if p[end] == ' ' {
		end++
	}
	return p[end:]
}

// beginUnstamped begins a line without a timestamp: words of the kubelet itself, or, in a log that
// was opened again, the rest of a long line that was passed on before.
func (l *lines) beginUnstamped(p []byte) []byte {
	begun := append([]byte(nil), l.stamp...)
	l.stamp = l.stamp[:0]
	if l.reopened {
		l.state = inKnownLine
		return p
	}
	l.finishOpenLine()
	l.state = inLine
	return append(begun, p...)
}

func (l *lines) begin(stamp string, at time.Time) {
	if l.expected[stamp] > 0 {
		l.expected[stamp]--
		l.state = inKnownLine
		return
	}
	if l.open != nil && l.open.stamp == stamp {
		l.state, l.skip = inLine, l.open.bytes
		return
	}
	if at.Before(l.first) {
		l.state = inKnownLine
		return
	}
	if l.first.IsZero() {
		l.first = at
	}
	l.finishOpenLine()
	l.state, l.open = inLine, &openLine{stamp: stamp, time: at}
	l.remember(at)
	if l.keepStamps {
		_, _ = l.out.WriteString(stamp + " ")
	}
}

// finishOpenLine ends a line whose rest never came, so that the next one does not stick to it.
func (l *lines) finishOpenLine() {
	if l.open == nil {
		return
	}
	_ = l.out.WriteByte('\n')
	l.end()
}

// readLine passes the rest of the current line on and returns what follows it.
func (l *lines) readLine(p []byte) []byte {
	size := len(p)
	end := bytes.IndexByte(p, '\n')
	if end >= 0 {
		size = end + 1
	}
	if l.state == inLine {
		known := min(l.skip, size)
		l.skip -= known
		// A failed write is reported by the Flush at the end of Write.
		n, _ := l.out.Write(p[known:size])
		l.fresh += int64(n)
		if l.open != nil {
			l.open.bytes += n
		}
	}
	if end >= 0 {
		if l.state == inLine {
			l.end()
		}
		l.state = inStamp
	}
	return p[size:]
}

func (l *lines) end() {
	if l.open != nil {
		l.passed[l.open.stamp]++
	}
	l.open = nil
}

// remember moves the beginning of what has to be remembered to a second before at.
func (l *lines) remember(at time.Time) {
	since := at.Truncate(time.Second).Add(-time.Second)
	if !since.After(l.since) {
		return
	}
	l.since = since
	for stamp := range l.passed {
		if t, err := time.Parse(time.RFC3339Nano, stamp); err == nil && t.Before(since) {
			delete(l.passed, stamp)
		}
	}
}
