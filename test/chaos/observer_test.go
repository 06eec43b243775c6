/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// of returns a planned run of a kind, with the kind's name.
func of(t *testing.T, name string) *planned {
	t.Helper()
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	if i < 0 {
		t.Fatalf("there is no kind %q", name)
	}
	return &planned{kind: kinds[i], run: newRun("ns", name, kinds[i])}
}

func pod(run string, number int) *corev1.Pod {
	p := &corev1.Pod{}
	p.Name = fmt.Sprintf("%s-%d", run, number)
	p.UID = types.UID(p.Name)
	p.Labels = map[string]string{v1alpha1.LabelTestRun: run}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: contract.RunnerContainer}}
	return p
}

func over(p *corev1.Pod) *corev1.Pod {
	p = p.DeepCopy()
	p.Status.ContainerStatuses[0].State.Terminated = &corev1.ContainerStateTerminated{}
	return p
}

func inState(name string, v verdict) *v1alpha1.TestRun {
	run := &v1alpha1.TestRun{}
	run.Name, run.UID = name, types.UID(name)
	run.Status.State, run.Status.Reason = v.state, v.reason
	return run
}

func TestWhatMustNeverBeIsSeen(t *testing.T) {
	running, pending := verdict{state: v1alpha1.TestRunRunning}, verdict{state: v1alpha1.TestRunPending}
	for _, tc := range []struct {
		reason string
		play   func(o *observer)
		want   string
	}{
		{"one Pod after the other is right", func(o *observer) {
			o.seePods(false, pod("retries", 1))
			o.seePods(false, over(pod("retries", 1)))
			o.seePods(false, pod("retries", 2))
		}, ""},
		{"two at once are not", func(o *observer) {
			o.seePods(false, pod("retries", 1))
			o.seePods(false, pod("retries", 2))
		}, "retries had several live Pods at once: [retries-1 retries-2]"},
		{"a Pod that is gone is not alive", func(o *observer) {
			o.seePods(false, pod("retries", 1))
			o.podGone("retries-1")
			o.seePods(false, pod("retries", 2))
		}, ""},
		{"a Pod that went while nobody watched is not alive", func(o *observer) {
			o.seePods(false, pod("retries", 1))
			o.seePods(true, pod("retries", 2))
		}, ""},
		{"what came while nobody watched counts", func(o *observer) {
			o.seePods(true, pod("retries", 1), pod("retries", 2))
		}, "retries had several live Pods at once: [retries-1 retries-2]"},
		{"three Pods are more than the limit", func(o *observer) {
			o.seePods(false, pod("passes", 1))
			o.seePods(false, pod("slow", 1))
			o.seePods(false, pod("asserts", 1))
		}, "3 Pods of runs were alive at once, want at most 2"},
		{"Pods of services do not count", func(o *observer) {
			service := pod("", 1)
			service.Labels = nil
			o.seePods(false, service, pod("passes", 1), pod("slow", 1))
		}, ""},
		{"an exclusive run beside another", func(o *observer) {
			o.seePods(false, pod("shared", 1))
			o.seePods(false, pod("exclusive", 1))
		}, "an exclusive run was not alone with its App: [exclusive shared]"},
		{"an exclusive run beside one on another App", func(o *observer) {
			o.seePods(false, pod("exclusive", 1))
			o.seePods(false, pod("passes", 1))
		}, ""},
		{"a verdict that stays", func(o *observer) {
			o.seeRuns(false, inState("passes", running))
			o.seeRuns(false, inState("passes", passed))
			o.seeRuns(true, inState("passes", passed))
		}, ""},
		{"a verdict that changes", func(o *observer) {
			o.seeRuns(false, inState("passes", passed))
			o.seeRuns(true, inState("passes", podGone))
		}, "passes had ended as Passed/Passed, and became Error/PodDeleted"},
		{"a run that begins anew", func(o *observer) {
			o.seeRuns(false, inState("passes", running))
			o.seeRuns(false, inState("passes", pending))
		}, "passes was Running, and became Pending again"},
		{"one that may", func(o *observer) {
			run := inState("retries", pending)
			run.Spec.Retries = 1
			o.seeRuns(false, inState("retries", running))
			o.seeRuns(false, run)
		}, ""},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			var plan []*planned
			for _, k := range kinds {
				plan = append(plan, of(t, k.name))
			}
			o := newObserver(plan, 2)
			tc.play(o)
			if got := strings.Join(slices.Sorted(maps.Keys(o.problems)), "; "); got != tc.want {
				t.Errorf("problems are %q, want %q", got, tc.want)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	for _, tc := range []struct {
		reason, kind           string
		end                    verdict
		pods, killed, executed int
		want                   []string
	}{
		{"as planned", "passes", passed, 1, 0, 1, nil},
		{"no end", "passes", verdict{}, 1, 0, 1, []string{"passes has not ended"}},
		{"a wrong end", "asserts", passed, 1, 0, 1, []string{"asserts ended as Passed/Passed, want one of [Failed/AssertionFailed]: "}},
		{"its Pod was deleted", "passes", podGone, 1, 1, 0, nil},
		{"it was faster", "passes", passed, 1, 1, 1, nil},
		{"nobody deleted its Pod", "passes", podGone, 1, 0, 0, []string{"passes ended as Error/PodDeleted, want one of [Passed/Passed]: "}},
		{"tried again", "retries", retried, 2, 1, 2, nil},
		{"not tried again", "retries", podGone, 1, 1, 1,
			[]string{"retries ended as Error/PodDeleted, want one of [Passed/Passed Passed/PassedAfterRetry]: "}},
		{"tried as often as it may", "retries", podEnded, 4, 4, 4, nil},
		{"tried again for nothing", "retries", passed, 2, 0, 1,
			[]string{"retries had 2 Pods, 0 of which were deleted by chaos, want at most 1"}},
		{"tried again although it may not be", "passes", passed, 2, 1, 1,
			[]string{"passes had 2 Pods, 1 of which were deleted by chaos, want at most 1"}},
		{"executed twice in a Pod", "passes", passed, 1, 0, 2, []string{"the script of passes was executed 2 times in 1 Pods, want at most 1 times"}},
		{"passed by itself", "passes", passed, 1, 0, 0, []string{"passes ended as Passed/Passed, and its script was never executed"}},
		{"never compiled", "nocompile", verdict{v1alpha1.TestRunError, v1alpha1.ReasonCompileError}, 1, 0, 0, nil},
		{"canceled", "canceled", stopped, 1, 0, 1, nil},
		{"deleted, whatever it had ended as", "deleted", verdict{}, 1, 0, 1, nil},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			o := newObserver([]*planned{of(t, tc.kind)}, limit)
			for i := range tc.pods {
				add(o.podsOf, tc.kind, types.UID(fmt.Sprint(i)))
			}
			for i := range tc.killed {
				add(o.killed, tc.kind, types.UID(fmt.Sprint(i)))
			}
			if tc.end != (verdict{}) {
				o.ends[tc.kind] = tc.end
			}
			if diff := cmp.Diff(tc.want, o.compare(o.plan[tc.kind], tc.executed)); diff != "" {
				t.Errorf("what is wrong (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyAPodThatNobodyKnewMayBeMadeAgain(t *testing.T) {
	for _, tc := range []struct {
		reason, named string
		wantWrong     int
	}{
		{"the status names it", "passes-1", 2},
		{"the status does not name it yet", "", 0},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			o := newObserver([]*planned{of(t, "passes")}, limit)
			run := inState("passes", verdict{state: v1alpha1.TestRunPending})
			run.Status.PodName = tc.named
			o.seeRuns(false, run)
			o.seePods(false, pod("passes", 1))
			o.killing(victim{uid: "passes-1", name: "passes-1", run: "passes"})
			add(o.podsOf, "passes", "another")
			o.seeRuns(false, inState("passes", passed))
			if wrong := o.compare(o.plan["passes"], 2); len(wrong) != tc.wantWrong {
				t.Errorf("a second Pod and execution are wrong in %d ways, want %d: %v", len(wrong), tc.wantWrong, wrong)
			}
		})
	}
}

func TestRemaining(t *testing.T) {
	o := newObserver([]*planned{of(t, "passes"), of(t, "slow"), of(t, "deleted")}, limit)
	o.seeRuns(false, inState("passes", passed))
	o.seeRuns(false, inState("deleted", passed))
	if diff := cmp.Diff([]string{"deleted", "slow"}, o.remaining()); diff != "" {
		t.Errorf("while one runs and one is to go (-want +got):\n%s", diff)
	}
	o.runGone("deleted")
	o.seeRuns(false, inState("slow", passed))
	if left := o.remaining(); len(left) > 0 {
		t.Errorf("in the end %v are left", left)
	}
}

func TestPlan(t *testing.T) {
	plan := newPlan(rand.New(rand.NewPCG(1, 0)), "ns", 300)
	of := map[string]int{}
	for _, p := range plan {
		of[p.name]++
	}
	if len(plan) != 300 || len(of) != len(kinds) || of["passes"] < 2*of["asserts"] {
		t.Errorf("%d runs are planned, want 300, of all %d kinds, by their weights: %v", len(plan), len(kinds), of)
	}
}
