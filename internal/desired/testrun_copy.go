/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package desired

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// maxChildName is how long the name of a Service may be, and with it that of everything an App consists of.
const maxChildName = 63

// copyHashLength is how much of a hash keeps the names of copies apart.
const copyHashLength = 8

// AppCopy is the copy of an App, called status.appName, that the attempt of a run which is under way has for itself. It has databases of its own: where
// the App's services are told how to reach each other by the names of the App, those of the copy are told the names of the copy.
// What comes from ConfigMaps and Secrets that are not of TOPAS's making stays as it is.
func AppCopy(run *v1alpha1.TestRun, app *v1alpha1.App) *v1alpha1.App {
	name := run.Status.AppName
	appCopy := &v1alpha1.App{
		ObjectMeta: metav1.ObjectMeta{
			Name:            name,
			Namespace:       app.Namespace,
			Labels:          TestRunLabels(run.Name, name),
			Annotations:     map[string]string{v1alpha1.AnnotationCopyOf: app.Name},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(run, v1alpha1.GroupVersion.WithKind("TestRun"))},
		},
		Spec: *app.Spec.DeepCopy(),
	}
	rename := renamer(app, name)
	for i := range appCopy.Spec.Services {
		renameService(&appCopy.Spec.Services[i], rename)
	}
	return appCopy
}

// AppCopyName is what the copy is to be called, which status.appName keeps. It is another one for each attempt and for each run, also for one that has the name of an earlier run whose copy is
// not gone yet. It begins as the run's name does as far as the names of the App's children allow.
func AppCopyName(run *v1alpha1.TestRun, app *v1alpha1.App) (string, error) {
	longest := 0
	for _, child := range children(app) {
		longest = max(longest, len(child))
	}
	room := maxChildName - longest - len("-")
	unique := "e" + hash(string(run.UID), strconv.Itoa(run.Status.Attempt()))[:copyHashLength]
	if room < len(unique) {
		return "", fmt.Errorf("no copy of App %s can be made: the name of a service or database has %d characters, and with isolation Ephemeral may have %d at most",
			app.Name, longest, maxChildName-len("-")-len(unique))
	}
	prefix := run.Name[:min(len(run.Name), max(room-len(unique)-len("-"), 0))]
	prefix = strings.Trim(strings.TrimLeft(prefix, "0123456789-"), "-")
	if prefix == "" {
		return unique, nil
	}
	return prefix + "-" + unique, nil
}

func children(app *v1alpha1.App) []string {
	var names []string
	for _, service := range app.Spec.Services {
		names = append(names, service.Name)
	}
	for _, database := range app.Spec.Databases {
		names = append(names, database.Name)
	}
	return names
}

// renamer puts the names of the copy's children in the place of those of the App's wherever they stand as a whole word, as
// host names do in "postgres://mock-app-db:5432" and "mock-app-db.shop.svc".
func renamer(app *v1alpha1.App, to string) func(string) string {
	names := children(app)
	if len(names) == 0 {
		return func(s string) string { return s }
	}
	// The longest one first: an alternative that matches is taken, also where a longer one would.
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) })
	for i := range names {
		names[i] = regexp.QuoteMeta(names[i])
	}
	words := regexp.MustCompile(`(^|[^A-Za-z0-9_.-])` + regexp.QuoteMeta(app.Name) + `-(` + strings.Join(names, "|") + `)([^A-Za-z0-9_-]|$)`)
	replacement := "${1}" + to + "-${2}${3}"
	return func(s string) string {
		// Two names can share the character between them, which the first match takes.
		for range 2 {
			s = words.ReplaceAllString(s, replacement)
		}
		return s
	}
}

func renameService(service *v1alpha1.ServiceSpec, rename func(string) string) {
	for name, value := range service.EnvVars {
		service.EnvVars[name] = rename(value)
	}
	for _, words := range [][]string{service.Command, service.Args} {
		for i := range words {
			words[i] = rename(words[i])
		}
	}
	for i := range service.EnvFrom {
		if secret := service.EnvFrom[i].SecretRef; secret != nil {
			secret.Name = rename(secret.Name)
		}
	}
}
