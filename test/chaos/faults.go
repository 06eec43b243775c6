/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/test/deployed"
)

// faults are what happens to the cluster.
type faults struct {
	world *world
	seen  *observer
	tool  string
	// total is the number of runs, restarts how many times the API server is killed while they are on their way.
	total, restarts int
}

// killManagers kills the manager a few seconds after it began to work, again and again. Every second time its Pod goes as well: the
// kubelet restarts a container the more slowly the more often it has died.
func (f *faults) killManagers(ctx context.Context, random *rand.Rand) error {
	for i := 0; ; i++ {
		if err := insist(ctx, "a manager works", f.managerWorks); err != nil {
			return err
		}
		if err := pause(ctx, 500*time.Millisecond+time.Duration(random.IntN(5500))*time.Millisecond); err != nil {
			return err
		}
		err := insist(ctx, "the manager is killed", func(ctx context.Context) error { return f.killManager(ctx, i%2 == 1) })
		if err != nil {
			return err
		}
		f.seen.count(&f.seen.managerKills)
	}
}

func (f *faults) managerWorks(ctx context.Context) error {
	lease := &coordinationv1.Lease{}
	if err := f.world.cluster.Get(ctx, client.ObjectKey{Namespace: deployed.Namespace, Name: deployed.Lease}, lease); err != nil {
		return err
	}
	if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" {
		return errors.New("no manager holds the lease")
	}
	return nil
}

func (f *faults) killManager(ctx context.Context, withPod bool) error {
	pod, err := deployed.ManagerPod(ctx, f.world.cluster)
	if err != nil {
		return err
	}
	pid, err := processOf(pod, "/manager")
	if err != nil {
		return err
	}
	if err := kill(ctx, pid); err != nil {
		return err
	}
	if withPod {
		err := insist(ctx, "the manager's Pod is deleted", func(ctx context.Context) error {
			return client.IgnoreNotFound(f.world.cluster.Delete(ctx, pod, client.GracePeriodSeconds(0)))
		})
		if err != nil {
			return err
		}
	}
	// The next manager would wait for 15 seconds until the lease of the dead one is over, most of the time that there is.
	return insist(ctx, "the lease is free", func(ctx context.Context) error {
		lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: deployed.Namespace, Name: deployed.Lease}}
		return f.world.cluster.Patch(ctx, lease, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"holderIdentity":""}}`)))
	})
}

// kill kills a process, and waits until it is gone: whoever starts it again should not find it dying.
func kill(ctx context.Context, pid int) error {
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("killing process %d: %w", pid, err)
	}
	return insist(ctx, "a killed process is gone", func(context.Context) error {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("process %d is there", pid)
		}
		return nil
	})
}

// processOf finds a program of a Pod among the processes of this machine. Control groups name the Pod, with "_" in place of "-"
// under systemd.
func processOf(pod *corev1.Pod, program string) (int, error) {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, folder := range folders {
		command, _ := os.ReadFile(filepath.Join(folder, "cmdline")) // it may have ended
		group, _ := os.ReadFile(filepath.Join(folder, "cgroup"))
		first, _, _ := strings.Cut(string(command), "\x00")
		if first == program && strings.Contains(strings.ReplaceAll(string(group), "_", "-"), "pod"+string(pod.UID)) {
			return strconv.Atoi(filepath.Base(folder))
		}
	}
	return 0, fmt.Errorf("program %s of Pod %s does not run on this machine", program, pod.Name)
}

// killServers kills the API server when a part of the runs has ended, and has it started again.
func (f *faults) killServers(ctx context.Context) error {
	for i := range f.restarts {
		enough := f.total * (f.restarts - i) / (f.restarts + 1)
		for len(f.seen.remaining()) > enough {
			if err := pause(ctx, pollInterval); err != nil {
				return err
			}
		}
		say("killing the API server")
		if err := f.killServer(ctx); err != nil {
			return err
		}
		f.seen.count(&f.seen.serverKills)
	}
	return nil
}

var serverLine = regexp.MustCompile(`(?m)^kube-apiserver +running, pid (\d+)$`)

func (f *faults) killServer(ctx context.Context) error {
	status, err := exec.CommandContext(ctx, f.tool, "status").Output()
	if err != nil {
		return fmt.Errorf("asking for the status of the cluster: %w", err)
	}
	match := serverLine.FindSubmatch(status)
	if match == nil {
		return fmt.Errorf("the cluster does not say which process its API server is:\n%s", status)
	}
	pid, err := strconv.Atoi(string(match[1]))
	if err != nil {
		return err
	}
	if err := kill(ctx, pid); err != nil {
		return err
	}
	// It is not to be interrupted: the next one would find half a cluster.
	out, err := exec.Command(f.tool, "up").CombinedOutput()
	if err != nil {
		return fmt.Errorf("starting the API server again: %w: %s", err, out)
	}
	say("%s", strings.TrimSpace(string(out)))
	return nil
}

// deletePods deletes live Pods of runs, now with their grace period and now without.
func (f *faults) deletePods(ctx context.Context, random *rand.Rand) error {
	for {
		if err := pause(ctx, 500*time.Millisecond+time.Duration(random.IntN(4000))*time.Millisecond); err != nil {
			return err
		}
		live := f.seen.live()
		if len(live) == 0 {
			continue
		}
		chosen := live[random.IntN(len(live))]
		options := []client.DeleteOption{client.Preconditions{UID: &chosen.uid}}
		if random.IntN(2) == 0 {
			options = append(options, client.GracePeriodSeconds(0))
		}
		f.seen.killing(chosen)
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: f.world.namespace, Name: chosen.name}}
		err := insist(ctx, "a Pod is deleted", func(ctx context.Context) error {
			err := f.world.cluster.Delete(ctx, pod, options...)
			if apierrors.IsConflict(err) {
				return nil // it is another one by now
			}
			return client.IgnoreNotFound(err)
		})
		if err != nil {
			return err
		}
	}
}
