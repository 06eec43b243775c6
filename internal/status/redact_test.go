/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package status

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestRedact(t *testing.T) {
	for _, tc := range []struct {
		reason  string
		secrets []string
		said    string
		want    string
	}{
		{"wherever it is", []string{"s3cret"}, "login with s3cret failed: s3cret", "login with *** failed: ***"},
		{"in a URL", []string{"a b/c"}, "postgres://u:a%20b%2Fc@db, ?p=a+b%2Fc", "postgres://u:***@db, ?p=***"},
		{"a secret that holds another", []string{"pass", "password1"}, "password1 and pass", "*** and ***"},
		{"too short to be told from a word", []string{"", "db"}, "db shop-db", "db shop-db"},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			o := AppObservation{
				Databases: []DatabaseObservation{{Schema: &SchemaObservation{Pods: []corev1.Pod{psqlPod(3, tc.said, 1)}}}},
				Services:  []ServiceObservation{{Workload: Workload{Pods: []corev1.Pod{restarted(false, tc.said)}}}},
			}
			if !o.Quotes() {
				t.Fatal("Quotes() is false though containers said something")
			}
			o.Redact(tc.secrets)
			if got := psqlError(o.Databases[0].Schema.Pods); got != tc.want {
				t.Errorf("of psql %q is left, want %q", got, tc.want)
			}
			if got := o.Services[0].Pods[0].Status.ContainerStatuses[0].LastTerminationState.Terminated.Message; got != tc.want {
				t.Errorf("of the service %q is left, want %q", got, tc.want)
			}
		})
	}
	silent := AppObservation{Services: []ServiceObservation{{Workload: Workload{Pods: []corev1.Pod{waiting("CrashLoopBackOff", "")}}}}}
	if silent.Quotes() {
		t.Error("Quotes() is true though no container said anything")
	}
}
