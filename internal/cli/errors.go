/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// explain returns what an error means to the user, and what to do about it.
func (f *Factory) explain(err error) string {
	var status apierrors.APIStatus
	var transport *url.Error
	switch {
	case errors.As(err, &status):
		return f.explainStatus(err, status.Status())
	case errors.As(err, &transport):
		return f.explainUnreachable(transport)
	}
	return err.Error()
}

// kubeconfigError is for errors of finding out which cluster is meant.
func kubeconfigError(err error) error {
	if clientcmd.IsEmptyConfig(err) {
		return errors.New("no cluster is configured: set KUBECONFIG, or give --kubeconfig")
	}
	return fmt.Errorf("reading the kubeconfig: %w", err)
}

func (f *Factory) explainUnreachable(err *url.Error) string {
	config, source := f.target()
	cause := err.Err
	var op *net.OpError
	if errors.As(err, &op) {
		cause = op
	}
	return fmt.Sprintf("the cluster at %s can't be reached: %v\n%s", config, cause, source)
}

// target says which cluster is meant, and where that was said.
func (f *Factory) target() (server, source string) {
	loader := f.ConfigFlags.ToRawKubeConfigLoader()
	if config, err := loader.ClientConfig(); err == nil {
		server = config.Host
	}
	raw, err := loader.RawConfig()
	files := strings.Join(loader.ConfigAccess().GetLoadingPrecedence(), ", ")
	if explicit := *f.ConfigFlags.KubeConfig; explicit != "" {
		files = explicit
	}
	if err != nil || len(raw.Clusters) == 0 {
		return server, fmt.Sprintf("No cluster is configured in %s: set KUBECONFIG, or give --kubeconfig", files)
	}
	context := raw.CurrentContext
	if chosen := *f.ConfigFlags.Context; chosen != "" {
		context = chosen
	}
	return server, fmt.Sprintf("It is the context %q of %s: is the cluster up, and is it the right one?", context, files)
}

func (f *Factory) explainStatus(err error, status metav1.Status) string {
	switch {
	case isMissingKind(status):
		server, _ := f.target()
		return fmt.Sprintf("TOPAS is not installed in the cluster at %s: run make deploy", server)
	case apierrors.IsNotFound(err) && status.Details != nil && status.Details.Kind == "namespaces":
		return fmt.Sprintf("namespace %q does not exist: choose another with -n, or make it with kubectl create namespace %[1]s", status.Details.Name)
	case apierrors.IsInvalid(err) && status.Details != nil && len(status.Details.Causes) > 0:
		return explainInvalid(status.Details)
	case apierrors.IsAlreadyExists(err) && status.Details != nil:
		return fmt.Sprintf("%q exists already: choose another --name, or leave it out for a new one", status.Details.Name)
	case apierrors.IsForbidden(err):
		return explainForbidden(status.Message)
	case apierrors.IsUnauthorized(err):
		server, source := f.target()
		return fmt.Sprintf("the cluster at %s does not accept your credentials\n%s", server, source)
	}
	return err.Error()
}

// forbidden is how the API server says that the rights of a user do not suffice.
var forbidden = regexp.MustCompile(`User "(.*)" cannot (\S+) resource "(\S+)" in API group "(\S*)"(?: in the namespace "(\S+)"| at the cluster scope)`)

// explainForbidden names the right that is missing as a Role would give it.
func explainForbidden(message string) string {
	parts := forbidden.FindStringSubmatch(message)
	if parts == nil {
		return message
	}
	user, verb, resource, group, namespace := parts[1], parts[2], parts[3], parts[4], parts[5]
	where, kind := "in all namespaces", "ClusterRole"
	if namespace != "" {
		where, kind = fmt.Sprintf("in namespace %q", namespace), "Role"
	}
	return fmt.Sprintf("you (%s) have no right to %s %s %s\nAsk for a %s with: apiGroups: [%q], resources: [%q], verbs: [%q]",
		user, verb, resource, where, kind, group, resource, verb)
}

// isMissingKind tells a kind that the server does not know from an object that is not there.
func isMissingKind(status metav1.Status) bool {
	if status.Reason != metav1.StatusReasonNotFound || status.Details == nil || status.Details.Group != v1alpha1.GroupVersion.Group {
		return false
	}
	for _, cause := range status.Details.Causes {
		if cause.Type == metav1.CauseTypeUnexpectedServerResponse {
			return true
		}
	}
	return false
}

// wholeObject is what the API server names in place of a field when a rule is about all of them.
const wholeObject = "<nil>"

func explainInvalid(details *metav1.StatusDetails) string {
	var b strings.Builder
	fmt.Fprintf(&b, "the cluster refuses the %s:", details.Kind)
	for _, cause := range details.Causes {
		field := cause.Field + ": "
		if cause.Field == "" || cause.Field == wholeObject {
			field = ""
		}
		fmt.Fprintf(&b, "\n  %s%s", field, withoutValue(cause.Message))
	}
	return b.String()
}

// withoutValue takes the value out of 'Invalid value: VALUE: what is wrong with it', where there is
// one: it may be a whole script, or a whole spec.
func withoutValue(message string) string {
	rest, ok := strings.CutPrefix(message, "Invalid value: ")
	if !ok {
		return message
	}
	value := ""
	if quoted, err := strconv.QuotedPrefix(rest); err == nil {
		value = quoted
	} else {
		decoder := json.NewDecoder(strings.NewReader(rest))
		var any json.RawMessage
		if decoder.Decode(&any) == nil {
			value = rest[:decoder.InputOffset()]
		}
	}
	detail, ok := strings.CutPrefix(rest[len(value):], ": ")
	if value == "" || !ok {
		return rest
	}
	return detail
}
