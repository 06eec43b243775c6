/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/printers"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// Factory gives commands their streams, their clients and the time.
type Factory struct {
	genericiooptions.IOStreams
	// Program is what the user calls this program: kctrl, or "kubectl topas".
	Program     string
	ConfigFlags *genericclioptions.ConfigFlags
	Scheme      *runtime.Scheme
	Now         func() time.Time
}

// NewFactory returns a Factory that finds the cluster as kubectl does.
func NewFactory(program string, streams genericiooptions.IOStreams) *Factory {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(fmt.Sprintf("registering kinds: %v", err))
		}
	}
	flags := genericclioptions.NewConfigFlags(true)
	// The kinds are known, so nothing is discovered and nothing is cached.
	flags.CacheDir = nil
	return &Factory{IOStreams: streams, Program: program, ConfigFlags: flags, Scheme: scheme, Now: time.Now}
}

// Clients are the ways to one cluster.
type Clients struct {
	client.WithWatch
	// Core reads the logs of Pods, and what has no kind.
	Core *corev1client.CoreV1Client
	// Namespace is the one that was asked for, or the current one.
	Namespace string
}

// Clients connects to the cluster that the flags and the kubeconfig name.
func (f *Factory) Clients() (*Clients, error) {
	namespace, err := f.namespace()
	if err != nil {
		return nil, err
	}
	config, err := f.ConfigFlags.ToRESTConfig()
	if err != nil {
		return nil, kubeconfigError(err)
	}
	config = rest.CopyConfig(config)
	config.UserAgent = "kctrl"
	// The standard limits make a list of thousands wait. These are kubectl's.
	config.QPS, config.Burst = 50, 300
	config.WarningHandler = rest.NewWarningWriter(f.ErrOut, rest.WarningWriterOptions{Deduplicate: true, Color: printers.AllowsColorOutput(f.ErrOut)})
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, kubeconfigError(err)
	}
	return f.clients(config, httpClient, namespace)
}

// namespace is the one that was asked for, or the current one of the kubeconfig.
func (f *Factory) namespace() (string, error) {
	namespace, _, err := f.ConfigFlags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", kubeconfigError(err)
	}
	return namespace, nil
}

func (f *Factory) clients(config *rest.Config, httpClient *http.Client, namespace string) (*Clients, error) {
	c, err := client.NewWithWatch(config, client.Options{HTTPClient: httpClient, Scheme: f.Scheme, Mapper: knownKinds()})
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	core, err := corev1client.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return &Clients{WithWatch: c, Core: core, Namespace: namespace}, nil
}

// knownKinds spares every call the discovery of the cluster's hundreds of kinds.
func knownKinds() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{v1alpha1.GroupVersion, corev1.SchemeGroupVersion})
	mapper.Add(v1alpha1.GroupVersion.WithKind("App"), meta.RESTScopeNamespace)
	mapper.Add(v1alpha1.GroupVersion.WithKind("TestRun"), meta.RESTScopeNamespace)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Pod"), meta.RESTScopeNamespace)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Namespace"), meta.RESTScopeRoot)
	return mapper
}

// say tells the user something besides the data. Nobody is left to be told when that fails.
func (f *Factory) say(format string, args ...any) {
	_, _ = fmt.Fprintf(f.ErrOut, format, args...)
}

// example returns the examples of a command as the user would type them.
func (f *Factory) example(text string) string {
	return strings.ReplaceAll(text, "kctrl test", f.Program+" test")
}

// followCommand is the command line that follows a run, in the namespace of this call.
func (f *Factory) followCommand(run string) string {
	namespace := ""
	if ns := *f.ConfigFlags.Namespace; ns != "" {
		namespace = " -n " + ns
	}
	return f.Program + " test logs -f " + run + namespace
}
