/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// redacted stands where a secret was printed.
const redacted = "***"

// shortestSecret is the length below which a value is no secret, and could be a part of any word.
const shortestSecret = 4

// Quotes reports whether the status may repeat what containers printed, which may hold secrets.
func (o *AppObservation) Quotes() bool {
	quotes := false
	o.eachEnd(func(*corev1.ContainerStateTerminated) { quotes = true })
	return quotes
}

// Redact takes the secrets out of what containers printed.
func (o *AppObservation) Redact(secrets []string) {
	var pairs []string
	// The longest first, or a secret that holds another one would be left in parts.
	for _, secret := range slices.SortedFunc(slices.Values(secrets), func(a, b string) int { return cmp.Compare(len(b), len(a)) }) {
		if len(secret) < shortestSecret {
			continue
		}
		// In the URL of a connection it is escaped.
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			pairs = append(pairs, form, redacted)
		}
	}
	replacer := strings.NewReplacer(pairs...)
	o.eachEnd(func(ended *corev1.ContainerStateTerminated) { ended.Message = replacer.Replace(ended.Message) })
}

// eachEnd visits the ends of containers that left a message.
func (o *AppObservation) eachEnd(visit func(*corev1.ContainerStateTerminated)) {
	inPods := func(pods []corev1.Pod) {
		for _, pod := range pods {
			for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
				for _, ended := range []*corev1.ContainerStateTerminated{c.State.Terminated, c.LastTerminationState.Terminated} {
					if ended != nil && ended.Message != "" {
						visit(ended)
					}
				}
			}
		}
	}
	for _, d := range o.Databases {
		inPods(d.Pods)
		if d.Schema != nil {
			inPods(d.Schema.Pods)
		}
	}
	for _, s := range o.Services {
		inPods(s.Pods)
	}
}
