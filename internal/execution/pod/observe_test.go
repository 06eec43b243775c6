/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package pod

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/internal/contract"
)

var (
	created  = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	started  = created.Add(5 * time.Second)
	finished = created.Add(20 * time.Second)
	now      = created.Add(time.Hour)
)

// podOf builds a Pod that the kubelet has reported on.
type podOf struct{ corev1.Pod }

func newPod() *podOf {
	deadline := int64(660)
	p := &podOf{}
	p.Name, p.CreationTimestamp = "run-1", metav1.NewTime(created)
	p.Spec.NodeName, p.Spec.ActiveDeadlineSeconds = "node-1", &deadline
	p.Status.Phase = corev1.PodPending
	start := metav1.NewTime(created)
	p.Status.StartTime = &start
	return p
}

func (p *podOf) phase(phase corev1.PodPhase, reason, message string) *podOf {
	p.Status.Phase, p.Status.Reason, p.Status.Message = phase, reason, message
	return p
}

func (p *podOf) runner(state corev1.ContainerState) *podOf {
	p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: contract.RunnerContainer, State: state}}
	return p
}

func (p *podOf) fetch(state corev1.ContainerState) *podOf {
	p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: contract.FetchContainer, State: state}}
	return p
}

func (p *podOf) condition(kind corev1.PodConditionType, status corev1.ConditionStatus, reason, message string) *podOf {
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: kind, Status: status, Reason: reason, Message: message})
	return p
}

func (p *podOf) deleted(end time.Time) *podOf {
	at := metav1.NewTime(end)
	p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &at, new(int64(30))
	return p
}

func (p *podOf) canceled(at time.Time) *podOf {
	p.Annotations = map[string]string{annotationCanceledAt: at.Format(time.RFC3339)}
	p.Spec.ActiveDeadlineSeconds, p.Spec.TerminationGracePeriodSeconds = new(int64(1)), new(int64(20))
	return p
}

func waitingState(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func running() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(started)}}
}

func ended(code int32, reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
		ExitCode: code, Reason: reason, Message: message, StartedAt: metav1.NewTime(started), FinishedAt: metav1.NewTime(finished),
	}}
}

func left(t *testing.T, r contract.Result) string {
	message, err := contract.EncodeResult(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(message)
}

func verdictSeen(r contract.Result) contract.Observation {
	return contract.Observation{Stage: contract.StageEnded, Name: "run-1", Created: created, Started: started, Ended: finished, Result: r}
}

func TestObserve(t *testing.T) {
	const commit = "0123456789012345678901234567890123456789"
	passed := contract.Result{Verdict: contract.Passed, Reason: contract.ReasonPassed, Duration: 12 * time.Second}
	failed := contract.Result{Verdict: contract.Failed, Reason: contract.ReasonAssertionFailed, Message: "script.lua:3: no", Duration: time.Second}
	stoppedByRunner := contract.Result{Verdict: contract.Error, Reason: contract.ReasonTerminated, Message: "terminated while in net.get"}
	fetched := ended(0, "Completed", left(t, contract.Result{Verdict: contract.Passed, GitCommit: commit}))
	unseen := func(r contract.Result) contract.Observation {
		return contract.Observation{Stage: contract.StageEnded, Name: "run-1", Created: created, Result: r}
	}
	waits := func(reason, message string) contract.Observation {
		return contract.Observation{Stage: contract.StageWaiting, Name: "run-1", Created: created, Alive: true, WaitingReason: reason, WaitingMessage: message}
	}

	for _, tc := range []struct {
		reason string
		pod    *podOf
		want   contract.Observation
	}{
		{"nothing is known of a new Pod", newPod(), waits("", "")},
		{"no node has room",
			newPod().condition(corev1.PodScheduled, corev1.ConditionFalse, "Unschedulable", "0/1 nodes are available: Insufficient cpu"),
			waits("Unschedulable", "0/1 nodes are available: Insufficient cpu")},
		{"the image can't be pulled",
			newPod().runner(waitingState("ErrImagePull", "not found")), waits("ErrImagePull", "not found")},
		{"the image of the fetch container can't be pulled",
			newPod().fetch(waitingState("ImagePullBackOff", "back-off")).runner(waitingState("PodInitializing", "")),
			waits("ImagePullBackOff", "back-off")},
		{"the source is being fetched",
			newPod().fetch(running()).runner(waitingState("PodInitializing", "")),
			waits(contract.WaitingFetching, "the git source is being fetched")},
		{"the script runs",
			newPod().phase(corev1.PodRunning, "", "").fetch(fetched).runner(running()),
			contract.Observation{Stage: contract.StageRunning, Name: "run-1", Created: created, Started: started, GitCommit: commit, Alive: true}},
		{"the verdict counts before the phase follows",
			newPod().phase(corev1.PodRunning, "", "").runner(ended(0, "Completed", left(t, passed))), verdictSeen(passed)},
		{"a failure", newPod().phase(corev1.PodFailed, "", "").runner(ended(1, "Error", left(t, failed))), verdictSeen(failed)},
		{"exit code 0 without a result",
			newPod().runner(ended(0, "Completed", "")), verdictSeen(contract.Result{Verdict: contract.Passed, Reason: "Passed"})},
		{"exit code 1 without a result",
			newPod().runner(ended(1, "Error", "some log")), verdictSeen(contract.Result{Verdict: contract.Failed, Reason: "ScriptError",
				Message: "the runner exited with 1 and left no result: Error: some log"})},
		{"a panic of the runner",
			newPod().runner(ended(2, "Error", "panic: nil map")), verdictSeen(contract.Result{Verdict: contract.Error, Reason: "RunnerCrashed",
				Message: "the runner exited with 2 and left no result: Error: panic: nil map"})},
		{"the container's memory is used up",
			newPod().runner(ended(137, "OOMKilled", "")), verdictSeen(contract.Result{Verdict: contract.Error, Reason: "OOMKilled",
				Message: "the test needed more memory than its container may use"})},
		{"Newman is killed for its memory, and the runner lives to tell",
			newPod().runner(ended(1, "OOMKilled", left(t, failed))), verdictSeen(contract.Result{Verdict: contract.Error, Reason: "OOMKilled",
				Message: "the test needed more memory than its container may use: script.lua:3: no", Duration: time.Second})},
		{"a signal from outside", newPod().runner(ended(143, "Error", "")), verdictSeen(contract.Result{Verdict: contract.Error, Reason: "Terminated",
			Message: "the test was stopped from outside before it ended (exit code 143)"})},
		{"killed after the result was written, before leaving", newPod().runner(ended(137, "Error", left(t, passed))),
			verdictSeen(contract.Result{Verdict: contract.Error, Reason: "Terminated",
				Message: "the test was stopped from outside before it ended (exit code 137)"})},
		{"a hung runner is ended by the deadline",
			newPod().phase(corev1.PodFailed, "DeadlineExceeded", "Pod was active on the node longer than the specified deadline").runner(ended(137, "Error", "")),
			verdictSeen(contract.Result{Verdict: contract.Failed, Reason: "TimedOut",
				Message: "the test did not end by itself when its time was over, and was stopped: Pod was active on the node longer than the specified deadline"})},
		{"the deadline came before the script could start",
			newPod().phase(corev1.PodFailed, "DeadlineExceeded", "Pod was active").runner(waitingState("ContainerCreating", "")),
			unseen(contract.Result{Verdict: contract.Error, Reason: "DeadlineExceeded",
				Message: "the script had not started when the time of its Pod was over: Pod was active"})},
		{"evicted while the script ran",
			newPod().condition(corev1.DisruptionTarget, corev1.ConditionTrue, "PreemptionByScheduler", "made room").
				runner(ended(2, "Error", left(t, stoppedByRunner))),
			verdictSeen(contract.Result{Verdict: contract.Error, Reason: "Evicted",
				Message: "Pod run-1 was evicted from node node-1: PreemptionByScheduler: made room"})},
		{"a verdict that was there before the eviction stays",
			newPod().condition(corev1.DisruptionTarget, corev1.ConditionTrue, "EvictionByEvictionAPI", "drain").
				runner(ended(1, "Error", left(t, failed))), verdictSeen(failed)},
		{"evicted for want of memory on the node",
			newPod().phase(corev1.PodFailed, "Evicted", "The node was low on resource: memory."),
			unseen(contract.Result{Verdict: contract.Error, Reason: "Evicted",
				Message: "Pod run-1 was evicted from node node-1: The node was low on resource: memory."})},
		{"the node has forgotten the container",
			newPod().phase(corev1.PodFailed, "", "").runner(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				ExitCode: 137, Reason: "ContainerStatusUnknown"}}),
			unseen(contract.Result{Verdict: contract.Error, Reason: "NodeLost",
				Message: "Pod run-1 has ended and nothing is known of its runner"})},
		{"it was told to stop before it could listen",
			newPod().runner(ended(2, "Error", "")), verdictSeen(contract.Result{Verdict: contract.Error, Reason: "Terminated",
				Message: "the test was stopped from outside before it ended (exit code 2)"})},
		{"it was deleted before it began", newPod().phase(corev1.PodFailed, "", "").runner(waitingState("ContainerCreating", "")).deleted(finished),
			func() contract.Observation {
				seen := unseen(contract.Result{Verdict: contract.Error, Reason: "PodDeleted",
					Message: "Pod run-1 was deleted before its verdict could be read"})
				seen.StopAsked, seen.StopBy = finished.Add(-30*time.Second), finished.Add(lostAfter)
				return seen
			}()},
		{"the container can't be started",
			newPod().runner(corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 128, Reason: "StartError",
				Message: "exec: no such file", StartedAt: metav1.NewTime(time.Unix(0, 0)), FinishedAt: metav1.NewTime(finished)}}),
			contract.Observation{Stage: contract.StageEnded, Name: "run-1", Created: created, Ended: finished, Result: contract.Result{
				Verdict: contract.Error, Reason: "StartFailed", Message: "the container could not be started: exec: no such file"}}},
		{"the fetch says why it failed",
			newPod().fetch(ended(2, "Error", left(t, contract.Result{Verdict: contract.Error, Reason: "GitCloneFailed", Message: "no such revision"}))),
			contract.Observation{Stage: contract.StageEnded, Name: "run-1", Created: created, Ended: finished,
				Result: contract.Result{Verdict: contract.Error, Reason: "GitCloneFailed", Message: "no such revision"}}},
		{"a deleted Pod has time to clean up",
			newPod().phase(corev1.PodRunning, "", "").runner(running()).deleted(now.Add(-lostAfter)),
			contract.Observation{Stage: contract.StageRunning, Name: "run-1", Created: created, Started: started, Alive: true,
				StopAsked: now.Add(-lostAfter - 30*time.Second), StopBy: now}},
		{"the node of a deleted Pod doesn't answer, so its container may still run",
			newPod().phase(corev1.PodRunning, "", "").runner(running()).deleted(now.Add(-lostAfter - time.Second)),
			contract.Observation{Stage: contract.StageEnded, Name: "run-1", Created: created, Started: started, Alive: true,
				StopAsked: now.Add(-lostAfter - 31*time.Second), StopBy: now.Add(-time.Second),
				Result: contract.Result{Verdict: contract.Error, Reason: "NodeLost",
					Message: "Pod run-1 was told to end, and its node node-1 does not say that it has stopped"}}},
		{"a canceled Pod has time to clean up",
			newPod().phase(corev1.PodRunning, "", "").runner(running()).canceled(now.Add(-50 * time.Second)),
			contract.Observation{Stage: contract.StageRunning, Name: "run-1", Created: created, Started: started, Alive: true,
				StopAsked: now.Add(-50 * time.Second), StopBy: now}},
		{"the node of a canceled Pod doesn't answer",
			newPod().phase(corev1.PodRunning, "", "").runner(running()).canceled(now.Add(-51 * time.Second)),
			contract.Observation{Stage: contract.StageEnded, Name: "run-1", Created: created, Started: started, Alive: true,
				StopAsked: now.Add(-51 * time.Second), StopBy: now.Add(-time.Second),
				Result: contract.Result{Verdict: contract.Error, Reason: "NodeLost",
					Message: "Pod run-1 was told to end, and its node node-1 does not say that it has stopped"}}},
		{"the deadline of a canceled Pod is not the timeout of its test",
			newPod().phase(corev1.PodFailed, "DeadlineExceeded", "Pod was active").canceled(created).
				runner(ended(2, "Error", left(t, contract.Result{Verdict: contract.Error, Reason: "Terminated", Message: "canceled"}))),
			contract.Observation{Stage: contract.StageEnded, Name: "run-1", Created: created, Started: started, Ended: finished,
				StopAsked: created, StopBy: created.Add(50 * time.Second),
				Result: contract.Result{Verdict: contract.Error, Reason: "Terminated", Message: "canceled"}}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, observe(&tc.pod.Pod, now)); diff != "" {
				t.Errorf("observation (-want +got):\n%s", diff)
			}
		})
	}
}
