/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Server-side apply leaves alone what others added: a second port, another kind of probe, a variable. Inside of what an App
// alone describes, that is an edit to be undone, and some of it (a port of the same name) would make the next apply
// invalid. So TOPAS declares such fields its own, upon which its next apply takes them away. It is the way in which
// kubectl, and the GitOps controllers, take over fields of client-side apply.

// Reclaim returns the managedFields of current in which TOPAS owns what others have put into the fields that the App alone
// describes, and no longer owns the replicas that wanted leaves to others. It reports false if those of current are good.
func Reclaim(current metav1.Object, wanted any) ([]metav1.ManagedFieldsEntry, bool, error) {
	entries := slices.Clone(current.GetManagedFields())
	our := slices.IndexFunc(entries, isOurs)
	if our < 0 {
		return nil, false, nil
	}
	give := released(wanted, entries[our])
	if !slices.ContainsFunc(entries, mayIntrude) && give.Empty() {
		return nil, false, nil // nearly always
	}
	before, err := decode(entries[our])
	if err != nil {
		return nil, false, err
	}
	ours := before.Difference(give)
	for i, entry := range entries {
		if !mayIntrude(entry) {
			continue
		}
		theirs, err := decode(entry)
		if err != nil {
			return nil, false, err
		}
		claimed := within(theirs, exclusive(wanted))
		if claimed.Difference(ours).Empty() {
			continue
		}
		ours = ours.Union(claimed)
		if err := encode(&entries[i], theirs.Difference(claimed)); err != nil {
			return nil, false, err
		}
	}
	if ours.Equals(before) {
		return nil, false, nil
	}
	if err := encode(&entries[our], ours); err != nil {
		return nil, false, err
	}
	return slices.DeleteFunc(entries, func(e metav1.ManagedFieldsEntry) bool { return e.FieldsV1.GetRawString() == "{}" }), true, nil
}

// mayIntrude tells at a glance whether an entry can hold exclusive fields. What an admission webhook adds while TOPAS writes
// counts as updated by TOPAS, and is left: it would add it again.
func mayIntrude(e metav1.ManagedFieldsEntry) bool {
	return e.Manager != FieldOwner && e.Subresource == "" && mentions(e, "spec", "data", "binaryData")
}

// mentions tells without decoding whether one of these fields can be in an entry.
func mentions(e metav1.ManagedFieldsEntry, fields ...string) bool {
	return e.FieldsV1 != nil && slices.ContainsFunc(fields, func(field string) bool {
		return strings.Contains(e.FieldsV1.GetRawString(), `"f:`+field+`"`)
	})
}

// Applied reports whether TOPAS has applied the object.
func Applied(current metav1.Object) bool {
	return slices.ContainsFunc(current.GetManagedFields(), isOurs)
}

func isOurs(e metav1.ManagedFieldsEntry) bool {
	return e.Manager == FieldOwner && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == ""
}

// exclusive are the fields that the App alone describes. Sidecars, volumes and their mounts, annotations and further
// labels are left to others.
func exclusive(wanted any) []fieldpath.Path {
	switch w := wanted.(type) {
	case *appsv1ac.DeploymentApplyConfiguration:
		paths := []fieldpath.Path{
			fieldpath.MakePathOrDie("spec", "paused"),
			fieldpath.MakePathOrDie("spec", "template", "spec", "securityContext"),
		}
		if w.Spec.Strategy != nil {
			paths = append(paths, fieldpath.MakePathOrDie("spec", "strategy"))
		}
		pod := w.Spec.Template.Spec
		for _, c := range pod.Containers {
			paths = append(paths, inPod("containers", *c.Name))
		}
		for _, v := range pod.Volumes {
			paths = append(paths, inPod("volumes", *v.Name))
		}
		return paths
	case *corev1ac.ServiceApplyConfiguration:
		return []fieldpath.Path{fieldpath.MakePathOrDie("spec")}
	case *corev1ac.SecretApplyConfiguration, *corev1ac.ConfigMapApplyConfiguration:
		return []fieldpath.Path{fieldpath.MakePathOrDie("data"), fieldpath.MakePathOrDie("binaryData")}
	default:
		return nil
	}
}

func inPod(list, name string) fieldpath.Path {
	return fieldpath.MakePathOrDie("spec", "template", "spec", list, fieldpath.KeyByFields("name", name))
}

// released are the fields that TOPAS gives up rather than takes away: replicas without an owner keep their value, while
// those that are taken away go back to one.
func released(wanted any, ours metav1.ManagedFieldsEntry) *fieldpath.Set {
	d, ok := wanted.(*appsv1ac.DeploymentApplyConfiguration)
	if ok && d.Spec.Replicas == nil && mentions(ours, "replicas") {
		return fieldpath.NewSet(fieldpath.MakePathOrDie("spec", "replicas"))
	}
	return fieldpath.NewSet()
}

// within returns the members of set at or below one of the paths.
func within(set *fieldpath.Set, paths []fieldpath.Path) *fieldpath.Set {
	found := fieldpath.NewSet()
	set.Iterate(func(member fieldpath.Path) {
		for _, path := range paths {
			if below(member, path) && !mounts(member, len(path)) {
				found.Insert(member.Copy())
			}
		}
	})
	return found
}

func below(member, path fieldpath.Path) bool {
	return len(member) >= len(path) && member[:len(path)].Equals(path)
}

// mounts reports whether a member is about the mounts of the container whose path has this length: a volume that others
// add comes with its mount.
func mounts(member fieldpath.Path, container int) bool {
	return len(member) > container && member[container].FieldName != nil && *member[container].FieldName == "volumeMounts"
}

func decode(entry metav1.ManagedFieldsEntry) (*fieldpath.Set, error) {
	set := fieldpath.NewSet()
	if err := set.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
		return nil, fmt.Errorf("reading the managed fields of %q: %w", entry.Manager, err)
	}
	return set, nil
}

func encode(entry *metav1.ManagedFieldsEntry, set *fieldpath.Set) error {
	data, err := set.ToJSON()
	if err != nil {
		return fmt.Errorf("writing the managed fields of %q: %w", entry.Manager, err)
	}
	entry.FieldsV1 = metav1.NewFieldsV1(string(data))
	return nil
}
