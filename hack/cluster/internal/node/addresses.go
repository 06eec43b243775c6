/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package node says what the one node consists of: addresses, components with
// their arguments, and configuration files. It is pure; package local brings
// it to life.
package node

import "net"

// All addresses come from 198.18.0.0/15, which is set aside for test networks
// and so collides with no network that the machine is in.
const (
	Name          = "topas" // of the node, its network namespace and its cgroup
	Device        = "node0"
	DeviceAddress = Address + "/24"
	Address       = "198.18.0.1"
	PodRange      = "198.18.64.0/18"
	ServiceRange  = "198.18.128.0/20"
	ClusterDomain = "cluster.local"

	// KubernetesService is the first address of ServiceRange, which the API
	// server gives to the Service kubernetes.default.
	KubernetesService = "198.18.128.1"

	// APIServer is where the API server listens inside the namespace.
	APIServer = Address + ":6443"

	// DNS is where CoreDNS listens inside the namespace.
	DNS = Address + ":53"

	// EtcdHealth is where etcd tells inside the namespace how it fares.
	EtcdHealth = etcdAddress + "/health"

	etcdAddress = "127.0.0.1:2379"
	etcdURL     = "http://" + etcdAddress
	etcdPeerURL = "http://127.0.0.1:2380"
)

// ServerNames are the names and addresses that the API server's certificate
// is good for; the last address is that of the forwarder on the host.
func ServerNames() ([]string, []net.IP) {
	names := []string{
		"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc." + ClusterDomain,
	}
	addresses := []net.IP{net.ParseIP(Address), net.ParseIP(KubernetesService), net.ParseIP("127.0.0.1")}
	return names, addresses
}
