/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package v1alpha1

import "strings"

// Reference is the image of the service with its version, as the kubelet pulls it: "image:version", or "image@version"
// when the version is a digest. A status that names the same reference is of the version that the spec wants.
func (s *ServiceSpec) Reference() string {
	if strings.HasPrefix(s.Version, "sha256:") {
		return s.Image + "@" + s.Version
	}
	return s.Image + ":" + s.Version
}
