/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runlog

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/cli/kubelettest"
	"github.com/topas-dev/topas/internal/contract"
	"github.com/topas-dev/topas/test/servers/kube"
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(kube.Run(m))
}

const patience = 30 * time.Second

// stage is a run on a real API server whose manager and kubelet are played by the test.
type stage struct {
	t       *testing.T
	client  client.WithWatch
	kubelet *kubelettest.Kubelet
	// attempt is the number of the next Pod.
	attempt int
	reader  *Reader
	out     *buffer
	said    *buffer
	run     *v1alpha1.TestRun
	pod     *corev1.Pod
}

func newStage(t *testing.T, git *v1alpha1.GitSource) *stage {
	t.Helper()
	server := kube.Start(t)
	c, err := client.NewWithWatch(server.Config, client.Options{Scheme: server.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	core, err := corev1client.NewForConfig(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, client: c, kubelet: kubelettest.Start(t, c), attempt: 1, out: newBuffer(), said: newBuffer()}
	s.run = &v1alpha1.TestRun{
		ObjectMeta: metav1.ObjectMeta{Namespace: server.NewNamespace(t), Name: "upgrade"},
		Spec:       v1alpha1.TestRunSpec{AppName: "shop", Git: git},
	}
	if git == nil {
		s.run.Spec.Script = "print('hello')"
	}
	if err := c.Create(t.Context(), s.run); err != nil {
		t.Fatal(err)
	}
	s.reader = &Reader{Client: c, Pods: core, Out: s.out, Say: func(format string, args ...any) { _, _ = fmt.Fprintf(s.said, format, args...) }}
	return s
}

// state plays the manager.
func (s *stage) state(state v1alpha1.TestRunState, reason, message string) {
	s.t.Helper()
	s.statusFrom(s.run.DeepCopy(), state, reason, message)
}

// statusFrom writes, besides these, what the test has changed in the status since before.
func (s *stage) statusFrom(before *v1alpha1.TestRun, state v1alpha1.TestRunState, reason, message string) {
	s.t.Helper()
	s.run.Status.State, s.run.Status.Reason, s.run.Status.Message = state, reason, message
	if err := s.client.Status().Patch(s.t.Context(), s.run, client.MergeFrom(before)); err != nil {
		s.t.Fatalf("set the state of the run: %v", err)
	}
}

// again plays the manager: the attempt has ended for that reason, and the run is tried again.
func (s *stage) again(reason, message string) {
	s.t.Helper()
	before := s.run.DeepCopy()
	s.run.Status.Attempts = append(s.run.Status.Attempts, v1alpha1.TestRunAttempt{
		Attempt: int32(s.attempt), State: v1alpha1.TestRunError, Reason: reason, Message: message,
	})
	s.attempt++
	s.statusFrom(before, v1alpha1.TestRunPending, v1alpha1.ReasonStarting, "")
}

// makePod plays the manager and the scheduler.
func (s *stage) makePod() {
	s.t.Helper()
	isController := true
	s.pod = &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.run.Namespace, Name: fmt.Sprintf("%s-%d", s.run.Name, s.attempt), Labels: map[string]string{v1alpha1.LabelTestRun: s.run.Name},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: "TestRun", Name: s.run.Name, UID: s.run.UID, Controller: &isController,
			}},
		},
		Spec: corev1.PodSpec{NodeName: s.kubelet.Node, Containers: []corev1.Container{{Name: contract.RunnerContainer, Image: "runner"}}},
	}
	if s.run.Spec.Git != nil {
		s.pod.Spec.InitContainers = []corev1.Container{{Name: contract.FetchContainer, Image: "runner"}}
	}
	if err := s.client.Create(s.t.Context(), s.pod); err != nil {
		s.t.Fatalf("make the Pod: %v", err)
	}
	// Nothing but the kubelet of this node would confirm an ordinary deletion.
	pod := s.pod
	s.t.Cleanup(func() { _ = s.client.Delete(context.Background(), pod, client.GracePeriodSeconds(0)) })
}

// containers plays the kubelet: the states are those of the fetch container, if any, and of the runner.
func (s *stage) containers(states ...corev1.ContainerState) {
	s.t.Helper()
	before := s.pod.DeepCopy()
	s.pod.Status.InitContainerStatuses, s.pod.Status.ContainerStatuses = nil, nil
	if s.run.Spec.Git != nil {
		s.pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: contract.FetchContainer, State: states[0], ContainerID: "containerd://1"}}
		states = states[1:]
	}
	s.pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: contract.RunnerContainer, State: states[0], ContainerID: "containerd://2"}}
	if err := s.client.Status().Patch(s.t.Context(), s.pod, client.MergeFrom(before)); err != nil {
		s.t.Fatalf("set the state of the containers: %v", err)
	}
}

func (s *stage) log(container string) string { return s.pod.Name + "/" + container }

func waiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func running() corev1.ContainerState {
	return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}
}

func ended(code int32) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, StartedAt: metav1.Now(), FinishedAt: metav1.Now()}}
}

// following is a Follow under way.
type following struct {
	stage *stage
	done  chan struct{}
	run   *v1alpha1.TestRun
	err   error
	stop  context.CancelFunc
}

func (s *stage) follow(opts Options) *following {
	ctx, cancel := context.WithCancel(s.t.Context())
	f := &following{stage: s, done: make(chan struct{}), stop: cancel}
	run := s.run.DeepCopy()
	go func() {
		defer close(f.done)
		f.run, f.err = s.reader.Follow(ctx, run, opts)
	}()
	s.t.Cleanup(func() {
		cancel()
		<-f.done
	})
	return f
}

// wait returns what Follow returned.
func (f *following) wait() (*v1alpha1.TestRun, error) {
	f.stage.t.Helper()
	select {
	case <-f.done:
	case <-time.After(patience):
		f.stage.t.Fatalf("Follow has not returned; log: %q, said: %q", f.stage.out, f.stage.said)
	}
	return f.run, f.err
}

// buffer can be written and waited for at once.
type buffer struct {
	mu      sync.Mutex
	changed *sync.Cond
	bytes   bytes.Buffer
}

func newBuffer() *buffer {
	b := &buffer{}
	b.changed = sync.NewCond(&b.mu)
	return b
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed.Broadcast()
	return b.bytes.Write(p)
}

func (b *buffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes.Reset()
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes.String()
}

// await fails the test when the text does not come.
func (b *buffer) await(t *testing.T, text string) {
	t.Helper()
	deadline := time.AfterFunc(patience, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.changed.Broadcast()
	})
	defer deadline.Stop()
	end := time.Now().Add(patience)
	b.mu.Lock()
	defer b.mu.Unlock()
	for !strings.Contains(b.bytes.String(), text) {
		if !time.Now().Before(end) {
			t.Fatalf("%q does not come, there is %q", text, b.bytes.String())
		}
		b.changed.Wait()
	}
}
