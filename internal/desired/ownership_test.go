/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// container is the path of a field in a container of a Deployment.
func container(name string, fields ...any) fieldpath.Path {
	return append(inPod("containers", name), fieldpath.MakePathOrDie(fields...)...)
}

func managed(t *testing.T, manager string, operation metav1.ManagedFieldsOperationType, subresource string, paths ...fieldpath.Path) metav1.ManagedFieldsEntry {
	t.Helper()
	entry := metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, Subresource: subresource}
	if err := encode(&entry, fieldpath.NewSet(paths...)); err != nil {
		t.Fatal(err)
	}
	return entry
}

// TestReclaim has one entry of TOPAS, which owns the image and the replicas, and one of somebody else.
func TestReclaim(t *testing.T) {
	service := v1alpha1.ServiceSpec{Name: "web", Image: "my-org/web", Version: "v1", Port: 80, PortName: "main"}
	two := int32(2)
	scaled := service
	scaled.Replicas = &two
	replicas, image := fieldpath.MakePathOrDie("spec", "replicas"), container(ServiceContainer, "image")
	const ours = `.spec.replicas .spec.template.spec.containers[name="service"].image`
	for _, tc := range []struct {
		reason  string
		other   metav1.ManagedFieldsEntry
		service v1alpha1.ServiceSpec
		// want is what each manager owns afterwards, nil if nothing is to be written.
		want map[string]string
	}{
		{"what others own elsewhere", managed(t, "mesh", "Update", "", fieldpath.MakePathOrDie("metadata", "annotations", "team"), container("proxy", "image")), scaled, nil},
		{"a volume that others mount", managed(t, "mesh", "Update", "", container(ServiceContainer, "volumeMounts", fieldpath.KeyByFields("mountPath", "/x"))), scaled, nil},
		{"a field that both own", managed(t, "helm", "Apply", "", image), scaled, nil},
		{"the status", managed(t, "kube-controller-manager", "Update", "status", fieldpath.MakePathOrDie("spec", "paused")), scaled, nil},
		{"what a webhook adds while TOPAS writes", managed(t, FieldOwner, "Update", "", container(ServiceContainer, "env", fieldpath.KeyByFields("name", "A"))), scaled, nil},
		{"an addition to the container of the App", managed(t, "kubectl-edit", "Update", "",
			container(ServiceContainer, "livenessProbe"), container("proxy", "image")), scaled,
			map[string]string{
				"topas":        ours + ` .spec.template.spec.containers[name="service"].livenessProbe`,
				"kubectl-edit": `.spec.template.spec.containers[name="proxy"].image`,
			}},
		{"who owned nothing else is gone", managed(t, "kubectl-edit", "Update", "", fieldpath.MakePathOrDie("spec", "paused")), scaled,
			map[string]string{"topas": `.spec.paused ` + ours}},
		{"replicas that the spec leaves out", managed(t, "hpa", "Update", "scale", replicas), service,
			map[string]string{
				"topas": `.spec.template.spec.containers[name="service"].image`,
				"hpa":   `.spec.replicas`,
			}},
	} {
		t.Run(tc.reason, func(t *testing.T) {
			current := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{
				tc.other, managed(t, FieldOwner, "Apply", "", replicas, image),
			}}}
			entries, changed, err := Reclaim(current, ServiceDeployment(testApp(), tc.service))
			if err != nil || changed != (tc.want != nil) {
				t.Fatalf("changed is %v, error %v, want %v", changed, err, tc.want != nil)
			}
			var got map[string]string
			for _, entry := range entries {
				set, err := decode(entry)
				if err != nil {
					t.Fatal(err)
				}
				if got == nil {
					got = map[string]string{}
				}
				got[entry.Manager] = strings.ReplaceAll(set.String(), "\n", " ")
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("owners (-want +got):\n%s", diff)
			}
		})
	}
	stranger := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{managed(t, "helm", "Apply", "", image)}}}
	if _, changed, err := Reclaim(stranger, ServiceDeployment(testApp(), service)); changed || err != nil {
		t.Errorf("an object that TOPAS never applied: changed is %v, error %v", changed, err)
	}
}
