/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package node

import "path/filepath"

// Component is a process of the node.
type Component struct {
	Name string
	Path string
	Args []string
}

// Layout says where things lie.
type Layout struct {
	State      string              // root of everything that goes away with the cluster
	Program    func(string) string // path of a Kubernetes binary by name
	CNIPlugins string              // folder
	PauseImage string              // image reference
}

// in returns a path below the state.
func (l Layout) in(elements ...string) string {
	return filepath.Join(append([]string{l.State}, elements...)...)
}

// Cert is the certificate of one of the Users.
func (l Layout) Cert(user string) string { return l.in("pki", user+".crt") }

// Key belongs to the Cert.
func (l Layout) Key(user string) string { return l.in("pki", user+".key") }

// Kubeconfig holds the credentials of one of the Users.
func (l Layout) Kubeconfig(user string) string { return l.in("kubeconfigs", user) }

// Socket is where containerd listens.
func (l Layout) Socket() string { return l.in("containerd.sock") }

// ContainerdState holds sockets and mounts of running containers.
func (l Layout) ContainerdState() string { return l.in("containerd", "state") }

// Names of the components.
const (
	Etcd              = "etcd"
	APIServerName     = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Containerd        = "containerd"
	Kubelet           = "kubelet"
	Proxy             = "kube-proxy"
	CoreDNS           = "coredns"
)

// Components lists the node's processes in the order to start them.
func (l Layout) Components() []Component {
	return []Component{
		{Etcd, l.Program(Etcd), l.etcd()},
		{APIServerName, l.Program(APIServerName), l.apiServer()},
		{Containerd, "containerd", []string{"--config=" + l.in("config", "containerd.toml")}},
		{ControllerManager, l.Program(ControllerManager), l.controllerManager()},
		{Scheduler, l.Program(Scheduler), l.scheduler()},
		{Kubelet, l.Program(Kubelet), l.kubelet()},
		{Proxy, l.Program(Proxy), l.proxy()},
		{CoreDNS, l.Program(CoreDNS), []string{"-conf=" + l.in("config", "Corefile")}},
	}
}

// The cluster is thrown away with the machine, so nothing is worth an fsync.
func (l Layout) etcd() []string {
	return []string{
		"--name=" + Name,
		"--data-dir=" + l.in("etcd"),
		"--listen-client-urls=" + etcdURL,
		"--advertise-client-urls=" + etcdURL,
		"--listen-peer-urls=" + etcdPeerURL,
		"--initial-advertise-peer-urls=" + etcdPeerURL,
		"--initial-cluster=" + Name + "=" + etcdPeerURL,
		"--unsafe-no-fsync",
		"--auto-compaction-mode=periodic",
		"--auto-compaction-retention=10m",
		"--log-level=warn",
	}
}

func (l Layout) apiServer() []string {
	return []string{
		"--advertise-address=" + Address,
		"--bind-address=" + Address,
		"--etcd-servers=" + etcdURL,
		"--service-cluster-ip-range=" + ServiceRange,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--client-ca-file=" + l.Cert(Authority),
		"--tls-cert-file=" + l.Cert(userAPIServer),
		"--tls-private-key-file=" + l.Key(userAPIServer),
		"--kubelet-certificate-authority=" + l.Cert(Authority),
		"--kubelet-client-certificate=" + l.Cert(userAPIServer),
		"--kubelet-client-key=" + l.Key(userAPIServer),
		// The node's name does not resolve anywhere.
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc." + ClusterDomain,
		"--service-account-key-file=" + l.Cert(ServiceAccounts),
		"--service-account-signing-key-file=" + l.Key(ServiceAccounts),
		// Extension API servers, and the components themselves, expect these.
		"--requestheader-client-ca-file=" + l.Cert(Authority),
		"--requestheader-allowed-names=" + userFrontProxy,
		"--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + l.Cert(userFrontProxy),
		"--proxy-client-key-file=" + l.Key(userFrontProxy),
	}
}

func (l Layout) controllerManager() []string {
	kubeconfig := l.Kubeconfig(userControllerManager)
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
		"--use-service-account-credentials",
		"--service-account-private-key-file=" + l.Key(ServiceAccounts),
		"--root-ca-file=" + l.Cert(Authority),
		"--cluster-signing-cert-file=" + l.Cert(Authority),
		"--cluster-signing-key-file=" + l.Key(Authority),
		// By default it makes a folder in /usr/libexec.
		"--flex-volume-plugin-dir=" + l.in("kubelet", "volume-plugins"),
		"--kube-api-qps=100",
		"--kube-api-burst=200",
	}
}

func (l Layout) scheduler() []string {
	kubeconfig := l.Kubeconfig(userScheduler)
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
		"--kube-api-qps=100",
		"--kube-api-burst=200",
	}
}

func (l Layout) kubelet() []string {
	return []string{
		"--config=" + l.in("config", "kubelet.yaml"),
		"--kubeconfig=" + l.Kubeconfig(userKubelet),
		"--root-dir=" + l.in("kubelet"),
		"--cert-dir=" + l.in("kubelet", "pki"),
		"--hostname-override=" + Name,
		"--node-ip=" + Address,
	}
}

func (l Layout) proxy() []string {
	return []string{
		"--kubeconfig=" + l.Kubeconfig(userProxy),
		"--hostname-override=" + Name,
		// Not every machine has nft, and not all that have it allow it.
		"--proxy-mode=iptables",
		"--iptables-min-sync-period=100ms",
		"--cluster-cidr=" + PodRange,
		// Zero leaves settings alone that a namespace may not write.
		"--conntrack-max-per-core=0",
		"--conntrack-tcp-timeout-established=0",
		"--conntrack-tcp-timeout-close-wait=0",
		// Lowering it takes a capability that containers of CI systems lack.
		"--oom-score-adj=0",
	}
}
