/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package node

import (
	"flag"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func exampleLayout() Layout {
	return Layout{
		State:      "/state/topas/cluster",
		Program:    func(name string) string { return "/cache/topas/kube/key/" + name },
		CNIPlugins: "/usr/lib/cni",
		PauseImage: "localhost/topas/pause:tag",
	}
}

func TestFiles(t *testing.T) {
	files, err := exampleLayout().Files()
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range files {
		t.Run(path, func(t *testing.T) { compare(t, filepath.Base(path), content) })
	}
}

func TestComponents(t *testing.T) {
	var text strings.Builder
	for _, component := range exampleLayout().Components() {
		text.WriteString(component.Name + "\n  " + component.Path + "\n")
		for _, arg := range component.Args {
			text.WriteString("    " + arg + "\n")
		}
	}
	compare(t, "components.txt", []byte(text.String()))
}

func compare(t *testing.T, name string, got []byte) {
	t.Helper()
	golden := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("not as in %s, write it anew with -update if this is meant (-want +got):\n%s", golden, diff)
	}
}

// Every credential that is named in an argument or a file must be issued.
func TestEveryCredentialIsIssued(t *testing.T) {
	layout := exampleLayout()
	known := map[string]bool{
		layout.Cert(Authority): true, layout.Key(Authority): true,
		layout.Cert(ServiceAccounts): true, layout.Key(ServiceAccounts): true,
	}
	for name := range Users() {
		known[layout.Cert(name)], known[layout.Key(name)], known[layout.Kubeconfig(name)] = true, true, true
	}
	var words []string
	for _, component := range layout.Components() {
		for _, arg := range component.Args {
			words = append(words, strings.SplitN(arg, "=", 2)...)
		}
	}
	files, err := layout.Files()
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range files {
		words = append(words, strings.Fields(string(content))...)
	}
	for _, word := range words {
		isCredential := strings.HasPrefix(word, layout.in("pki")) || strings.HasPrefix(word, layout.in("kubeconfigs"))
		if isCredential && !known[word] {
			t.Errorf("%s is used, but never written", word)
		}
	}
}

func TestAddressesFitTogether(t *testing.T) {
	device, pods, services := netip.MustParsePrefix(DeviceAddress), netip.MustParsePrefix(PodRange), netip.MustParsePrefix(ServiceRange)
	if device.Overlaps(pods) || pods.Overlaps(services) || device.Overlaps(services) {
		t.Error("the ranges of node, Pods and Services overlap")
	}
	if first := services.Masked().Addr().Next().String(); first != KubernetesService {
		t.Errorf("the API server takes %s for itself, not %s", first, KubernetesService)
	}
	_, addresses := ServerNames()
	for _, needed := range []string{Address, KubernetesService, "127.0.0.1"} {
		if !contains(addresses, needed) {
			t.Errorf("clients reach the API server at %s, which its certificate lacks", needed)
		}
	}
}

func contains(addresses []net.IP, wanted string) bool {
	for _, address := range addresses {
		if address.String() == wanted {
			return true
		}
	}
	return false
}
