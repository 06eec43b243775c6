/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package node

import (
	"net"

	"github.com/topas-dev/topas/hack/cluster/internal/pki"
)

// Names of credentials that belong to no user.
const (
	Authority       = "ca"
	ServiceAccounts = "service-accounts"
)

// Admin is the user of the kubeconfig that people get.
const Admin = "admin"

const (
	userAPIServer         = "kube-apiserver"
	userControllerManager = "kube-controller-manager"
	userScheduler         = "kube-scheduler"
	userKubelet           = "kubelet"
	userProxy             = "kube-proxy"
	userCoreDNS           = "coredns"
	userFrontProxy        = "front-proxy"
)

const masters = "system:masters"

// CoreDNSUser is what the role of CoreDNS is bound to; Kubernetes itself has
// roles for all others.
const CoreDNSUser = "system:coredns"

// Users returns whom each certificate speaks for, by the name of its file.
func Users() map[string]pki.Identity {
	names, addresses := ServerNames()
	return map[string]pki.Identity{
		Admin:                 {CommonName: "topas-admin", Organizations: []string{masters}},
		userAPIServer:         {CommonName: "kube-apiserver", Organizations: []string{masters}, DNSNames: names, IPs: addresses},
		userControllerManager: {CommonName: "system:kube-controller-manager"},
		userScheduler:         {CommonName: "system:kube-scheduler"},
		userProxy:             {CommonName: "system:kube-proxy"},
		userCoreDNS:           {CommonName: CoreDNSUser},
		userFrontProxy:        {CommonName: userFrontProxy},
		userKubelet: {
			CommonName: "system:node:" + Name, Organizations: []string{"system:nodes"},
			DNSNames: []string{Name}, IPs: []net.IP{net.ParseIP(Address)},
		},
	}
}
