/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import "strings"

// imagePullReasons are the kubelet's words for an image that it can't get. It alternates between some of
// them, with one word for the try and another for the pause.
var imagePullReasons = []string{"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable"}

// cutText returns text in at most limit bytes, and no character of it cut in half.
func cutText(text string, limit int) string {
	const mark = " ... (cut)"
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit-len(mark)], "") + mark
}
