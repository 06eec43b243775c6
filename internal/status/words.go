/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import "strings"

// imagePullReasons are the kubelet's words for an image that it can't get. It alternates between some of
// them, with one word for the try and another for the pause.
var imagePullReasons = []string{"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable"}

// passingReasons are the kubelet's words for a container that it is about to start, or to start again.
var passingReasons = []string{"", "ContainerCreating", "PodInitializing", "CrashLoopBackOff"}

// lastLines returns the end of what a container printed, in at most 5 lines and 600 bytes.
func lastLines(text string) string {
	const lines, limit = 5, 600
	all := strings.Split(strings.TrimSpace(text), "\n")
	end := strings.Join(all[max(0, len(all)-lines):], "\n")
	return strings.ToValidUTF8(end[max(0, len(end)-limit):], "")
}

// cutText returns text in at most limit bytes, and no character of it cut in half.
func cutText(text string, limit int) string {
	const mark = " ... (cut)"
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit-len(mark)], "") + mark
}
