/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/contract"
)

// MaxBundleBytes is how much the script and the files of a run may hold together. A ConfigMap holds 1 MiB; the margin is
// for its names and labels.
const MaxBundleBytes = 1<<20 - 16<<10

const (
	testRunScriptKey = "script"
	testRunParamsKey = "params"
)

// bundlePath is the rule of the API for the names in spec.files, which the name of the script must keep as well.
var bundlePath = regexp.MustCompile(`^[A-Za-z0-9_ @+=,-][A-Za-z0-9_. @+=,-]*(/[A-Za-z0-9_ @+=,-][A-Za-z0-9_. @+=,-]*)*$`)

// BundleError says why script and files can't be brought into a Pod.
type BundleError struct {
	// Reason is one of the API's reasons of a TestRun.
	Reason  string
	Message string
}

func (e *BundleError) Error() string { return e.Message }

// TestRunConfigMap is the ConfigMap with the script and the files of a run. The error is a *BundleError.
func TestRunConfigMap(run *v1alpha1.TestRun) (*corev1.ConfigMap, error) {
	if err := checkBundle(run); err != nil {
		return nil, err
	}
	data := map[string]string{}
	if run.Spec.Script != "" {
		data[testRunScriptKey] = run.Spec.Script
	}
	for i, name := range bundleFiles(run) {
		data[bundleKey(i)] = run.Spec.Files[name]
	}
	if len(run.Spec.Params) > 0 {
		data[testRunParamsKey] = contract.EncodeParams(run.Spec.Params)
	}
	return &corev1.ConfigMap{
		ObjectMeta: testRunMeta(run, TestRunConfigMapName(run.Name)),
		Immutable:  new(true),
		Data:       data,
	}, nil
}

// bundleItems puts every key of the ConfigMap at the path that the script knows it by: a key can't hold a "/".
func bundleItems(run *v1alpha1.TestRun) []corev1.KeyToPath {
	var items []corev1.KeyToPath
	if run.Spec.Script != "" {
		items = append(items, corev1.KeyToPath{Key: testRunScriptKey, Path: TestRunScriptName(run)})
	}
	for i, name := range bundleFiles(run) {
		items = append(items, corev1.KeyToPath{Key: bundleKey(i), Path: name})
	}
	if len(run.Spec.Params) > 0 {
		items = append(items, corev1.KeyToPath{Key: testRunParamsKey, Path: contract.ParamsName})
	}
	return items
}

func bundleFiles(run *v1alpha1.TestRun) []string {
	return slices.Sorted(maps.Keys(run.Spec.Files))
}

func bundleKey(i int) string { return fmt.Sprintf("file-%03d", i) }

func checkBundle(run *v1alpha1.TestRun) error {
	if err := checkScriptName(run); err != nil {
		return err
	}
	if err := checkFolders(run); err != nil {
		return err
	}
	files := 0
	for _, content := range run.Spec.Files {
		files += len(content)
	}
	params := 0
	if len(run.Spec.Params) > 0 {
		params = len(contract.EncodeParams(run.Spec.Params))
	}
	if total := len(run.Spec.Script) + files + params; total > MaxBundleBytes {
		return &BundleError{v1alpha1.ReasonBundleTooLarge, fmt.Sprintf(
			"the script (%d bytes), the %d files (%d bytes) and the params (%d bytes) have %d bytes together, at most %d are allowed: "+
				"include less, or take the test from a git repository", len(run.Spec.Script), len(run.Spec.Files), files, params, total, MaxBundleBytes)}
	}
	return nil
}

func checkScriptName(run *v1alpha1.TestRun) error {
	if run.Spec.Script == "" {
		return nil
	}
	name := TestRunScriptName(run)
	if len(name) > 253 || !bundlePath.MatchString(name) {
		return &BundleError{v1alpha1.ReasonBundleInvalid, fmt.Sprintf(
			"annotation %s is %.300q, must be a relative path such as upgrade_test.lua, of at most 253 letters, digits and _ . @ + = , - or space, "+
				"no part of it beginning with a dot", v1alpha1.AnnotationScriptName, name)}
	}
	if _, taken := run.Spec.Files[name]; taken {
		return &BundleError{v1alpha1.ReasonBundleInvalid, fmt.Sprintf(
			"spec.files has an entry %q, and the script itself has that name: rename the file, or the script by the annotation %s",
			name, v1alpha1.AnnotationScriptName)}
	}
	return nil
}

// checkFolders refuses names of which one is a folder in another: the kubelet could write only one of them, and would
// try for ever.
func checkFolders(run *v1alpha1.TestRun) error {
	names := bundleFiles(run)
	if run.Spec.Script != "" {
		names = append(names, TestRunScriptName(run))
	}
	for _, name := range names {
		for folder := path.Dir(name); folder != "."; folder = path.Dir(folder) {
			if slices.Contains(names, folder) {
				return &BundleError{v1alpha1.ReasonBundleInvalid, fmt.Sprintf(
					"%q is a file of the test and also the folder of its file %q: rename one of them", folder, name)}
			}
		}
	}
	return nil
}

func testRunMeta(run *v1alpha1.TestRun, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:            name,
		Namespace:       run.Namespace,
		Labels:          TestRunLabels(run.Name, run.Spec.AppName),
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(run, v1alpha1.GroupVersion.WithKind("TestRun"))},
	}
}
