/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runner

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/internal/lua/modules/test"
)

// reports notes how many cases were reported when, since the beginning.
type reports struct {
	began time.Time
	seen  []seen
	// answer is what a report fails of; nil is nothing.
	answer func(ctx context.Context) error
}

type seen struct {
	at    time.Duration
	cases int
}

func (r *reports) Report(ctx context.Context, p contract.Progress) error {
	r.seen = append(r.seen, seen{at: time.Since(r.began), cases: p.Cases.Total})
	if r.answer == nil {
		return nil
	}
	return r.answer(ctx)
}

func TestReporting(t *testing.T) {
	record := func(r *recorder) {
		r.Record(test.Case{Name: "x", State: test.Passed})
		synctest.Wait()
	}
	for _, tc := range []struct {
		reason string
		answer func(ctx context.Context) error
		script func(*recorder)
		want   []seen
		took   time.Duration
	}{
		{reason: "without cases there is nothing to report", script: func(*recorder) { time.Sleep(time.Minute) }, took: time.Minute},
		{
			reason: "the first at once, then one a second, and the last one at the end",
			script: func(r *recorder) {
				for range 17 {
					record(r)
					time.Sleep(150 * time.Millisecond)
				}
			},
			want: []seen{{0, 1}, {time.Second, 7}, {2 * time.Second, 14}, {2550 * time.Millisecond, 17}},
			took: 2550 * time.Millisecond,
		},
		{
			reason: "after a while without cases the next one is reported at once",
			script: func(r *recorder) { record(r); time.Sleep(time.Minute); record(r) },
			want:   []seen{{0, 1}, {time.Minute, 2}}, took: time.Minute,
		},
		{
			reason: "nothing is reported twice",
			script: func(r *recorder) { record(r); time.Sleep(time.Minute) },
			want:   []seen{{0, 1}}, took: time.Minute,
		},
		{
			reason: "what failed is reported with the next case, and at the end",
			answer: func(context.Context) error { return errors.New("refused") },
			script: func(r *recorder) { record(r); time.Sleep(time.Minute); record(r); time.Sleep(time.Minute) },
			want:   []seen{{0, 1}, {time.Minute, 2}, {2 * time.Minute, 2}}, took: 2 * time.Minute,
		},
		{
			reason: "the end does not wait long for a server that hangs",
			answer: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
			script: func(r *recorder) { record(r); time.Sleep(time.Minute) },
			want:   []seen{{0, 1}, {time.Minute + lastReport, 1}}, took: time.Minute + lastReport,
		},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reporter := &reports{began: time.Now(), answer: tc.answer}
				r := newRecorder(newRedactor(nil))
				var complaints bytes.Buffer
				ctx, cancel := context.WithCancel(t.Context())
				reporting := startReporting(ctx, reporter, r, &complaints)
				cancel() // a test that is canceled reports its cases as well
				tc.script(r)
				reporting.stop()
				if took := time.Since(reporter.began); took != tc.took {
					t.Errorf("it took %s, want %s", took, tc.took)
				}
				if diff := cmp.Diff(tc.want, reporter.seen, cmp.AllowUnexported(seen{})); diff != "" {
					t.Errorf("reports (-want +got):\n%s", diff)
				}
				if got, want := strings.Count(complaints.String(), "\n"), min(1, failures(tc.answer)); got != want {
					t.Errorf("%d complaints, want %d: %s", got, want, complaints.String())
				}
			})
		})
	}
}

func failures(answer func(context.Context) error) int {
	if answer == nil {
		return 0
	}
	return 1
}
