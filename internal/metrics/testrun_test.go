/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package metrics

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// held is a queue that holds so many runs.
type held struct {
	restored      bool
	depth, active int
}

func (h *held) Restored() bool { return h.restored }
func (h *held) Depth() int     { return h.depth }
func (h *held) Active() int    { return h.active }

func TestRunsAreCounted(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	queue := &held{}
	m, err := NewTestRuns(registry, queue)
	if err != nil {
		t.Fatal(err)
	}
	if n := testutil.CollectAndCount(slots{queue}); n != 0 {
		t.Errorf("%d metrics of a queue that does not know its runs yet, want none", n)
	}
	queue.restored, queue.active = true, 1
	m.Admitted(7 * time.Second)
	m.Admitted(-time.Second) // clocks differ
	m.Ran("Passed", 2*time.Second)
	m.Finished("Passed", "Passed")
	m.Finished("Error", "NodeLost")
	m.Finished("Error", "NodeLost")

	want := `
# HELP topas_active_runners Number of TestRuns that hold a slot, from their admission until none of their containers is alive.
# TYPE topas_active_runners gauge
topas_active_runners 1
# HELP topas_queue_depth Number of TestRuns that wait for a slot.
# TYPE topas_queue_depth gauge
topas_queue_depth 0
# HELP topas_testruns_total Number of TestRuns that have ended, by state and reason.
# TYPE topas_testruns_total counter
topas_testruns_total{reason="Passed",state="Passed"} 1
topas_testruns_total{reason="NodeLost",state="Error"} 2
# HELP topas_queue_wait_seconds How long TestRuns waited for a slot, from their creation to their admission. Creation is known to the second.
# TYPE topas_queue_wait_seconds histogram
` + buckets("topas_queue_wait_seconds", "", 7, 2, []string{"1", "2.5", "5"}, []string{"10", "30", "60", "120", "300", "600", "1800", "3600", "14400", "43200", "+Inf"}) + `
# HELP topas_test_duration_seconds How long scripts ran, by the state in which their TestRuns ended. Runs whose script never started are not in it.
# TYPE topas_test_duration_seconds histogram
` + buckets("topas_test_duration_seconds", `state="Passed"`, 2, 1, []string{"0.5", "1"}, []string{"2.5", "5", "10", "30", "60", "120", "300", "600", "1800", "3600", "14400", "+Inf"})
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

// buckets is a histogram of which all but one value lie in the buckets named first, and all in the others.
func buckets(name, label string, sum, count int, low, high []string) string {
	var b strings.Builder
	prefix, labels := "", ""
	if label != "" {
		prefix, labels = label+",", "{"+label+"}"
	}
	for _, le := range low {
		fmt.Fprintf(&b, "%s_bucket{%sle=%q} %d\n", name, prefix, le, count-1)
	}
	for _, le := range high {
		fmt.Fprintf(&b, "%s_bucket{%sle=%q} %d\n", name, prefix, le, count)
	}
	fmt.Fprintf(&b, "%s_sum%s %d\n%s_count%s %d\n", name, labels, sum, name, labels, count)
	return b.String()
}

func TestReasonsAreBounded(t *testing.T) {
	m, err := NewTestRuns(prometheus.NewPedanticRegistry(), &held{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		m.Finished("Error", fmt.Sprint("Made", i))
	}
	m.Finished("Error", "Made0")
	if n := testutil.CollectAndCount(m.finished); n != maxReasons+1 {
		t.Errorf("%d series, want %d", n, maxReasons+1)
	}
	if n := testutil.ToFloat64(m.finished.WithLabelValues("Error", "Made0")); n != 2 {
		t.Errorf("a known reason was counted %v times, want 2", n)
	}
	if n := testutil.ToFloat64(m.finished.WithLabelValues("Error", otherReason)); n != 1000-maxReasons {
		t.Errorf("%v runs have another reason, want %d", n, 1000-maxReasons)
	}
}
