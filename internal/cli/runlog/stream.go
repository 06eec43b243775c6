/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package runlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	firstPause = 250 * time.Millisecond
	longPause  = 5 * time.Second
	// maxTries bounds how often the log of a container that has ended is asked for in vain.
	maxTries = 5
)

// stream copies the log of one container until the container has ended and all of its log is
// there. A connection that breaks is made again.
//
// The end of a connection says nothing: the API server ends a stream that the kubelet broke off as
// it ends a complete one. So the log is read once more after the container has ended, until that
// brings nothing new.
type stream struct {
	reader    *Reader
	watcher   *watcher
	attempt   int32
	pod       *corev1.Pod
	container string
	opts      Options
	lines     *lines
}

func (s *stream) copy(ctx context.Context) error {
	pause, tries, told := firstPause, 0, false
	for {
		ended := s.watcher.hasEnded(s.attempt, s.container)
		n, err := s.once(ctx, !ended)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case apierrors.IsNotFound(err):
			return fmt.Errorf("pod %s is gone, and the rest of its log with it: %w", s.pod.Name, err)
		case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
			return err
		case err == nil && ended && s.lines.whole():
			return nil
		}
		if s.lines.fresh > 0 {
			pause, tries, told = firstPause, 0, false
		}
		if tries++; ended && tries >= maxTries {
			return s.giveUp(err)
		}
		if err != nil && !told {
			s.reader.say("The log was interrupted (%v): reading on\n", err)
			told = true
		}
		if !ended || n == 0 {
			if err := s.watcher.changedWithin(ctx, pause); err != nil {
				return err
			}
			pause = min(2*pause, longPause)
		}
		s.lines.reopen()
	}
}

// giveUp ends a log that does not get whole. Without an error it is one that was rotated: what was
// read of it is not there any more.
func (s *stream) giveUp(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("reading the rest of the log of container %s: %w", s.container, err)
}

// once opens the log and copies it to its end. It returns the number of bytes read.
func (s *stream) once(ctx context.Context, follow bool) (int64, error) {
	log, err := s.reader.Pods.Pods(s.pod.Namespace).GetLogs(s.pod.Name, s.logOptions(follow)).Stream(ctx)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(s.lines, log)
	return n, errors.Join(err, log.Close())
}

func (s *stream) logOptions(follow bool) *corev1.PodLogOptions {
	opts := &corev1.PodLogOptions{Container: s.container, Follow: follow, Timestamps: true}
	if since := s.lines.since; !since.IsZero() {
		opts.SinceTime = &metav1.Time{Time: since}
		return opts
	}
	opts.TailLines = s.opts.Tail
	if s.opts.Since > 0 {
		seconds := int64((s.opts.Since + time.Second - 1) / time.Second)
		opts.SinceSeconds = &seconds
	}
	return opts
}
