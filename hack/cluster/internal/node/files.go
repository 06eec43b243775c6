/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package node

import (
	"bytes"
	"embed"
	"fmt"
	"text/template"

	"github.com/topas-dev/topas/hack/cluster/internal/kubeconfig"
)

//go:embed templates
var templates embed.FS

// Files renders the configuration files, by their path below Layout.State.
func (l Layout) Files() (map[string][]byte, error) {
	parsed, err := template.New("").Option("missingkey=error").ParseFS(templates, "templates/*")
	if err != nil {
		return nil, fmt.Errorf("parsing configuration templates: %w", err)
	}
	values := map[string]string{
		"State": l.State, "Socket": l.Socket(), "CNIPlugins": l.CNIPlugins, "CNIConfig": l.in("config", "cni"),
		"ContainerdState": l.ContainerdState(), "PauseImage": l.PauseImage,
		"CA": l.Cert(Authority), "KubeletCert": l.Cert(userKubelet), "KubeletKey": l.Key(userKubelet),
		"CoreDNSKubeconfig": l.Kubeconfig(userCoreDNS), "Context": kubeconfig.Context,
		"Name": Name, "Address": Address, "PodRange": PodRange, "ClusterDomain": ClusterDomain,
	}
	files := map[string][]byte{}
	for path, name := range map[string]string{
		"config/containerd.toml":       "containerd.toml",
		"config/cni/10-topas.conflist": "cni.conflist",
		"config/kubelet.yaml":          "kubelet.yaml",
		"config/Corefile":              "Corefile",
	} {
		var text bytes.Buffer
		if err := parsed.ExecuteTemplate(&text, name, values); err != nil {
			return nil, fmt.Errorf("rendering %s: %w", path, err)
		}
		files[path] = text.Bytes()
	}
	return files, nil
}
