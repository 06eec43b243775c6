/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package desired says what the cluster should hold for an App or a TestRun. Its functions are pure: the same spec
// gives the same objects, down to the byte.
package desired

import (
	"fmt"
)

// Labels of everything that TOPAS makes.
const (
	// LabelName is the service or database of an App, or the name of the TestRun.
	LabelName = "app.kubernetes.io/name"
	// LabelInstance is the App, or the name of the TestRun.
	LabelInstance = "app.kubernetes.io/instance"
	// LabelComponent is one of the components below.
	LabelComponent = "app.kubernetes.io/component"
	// LabelManagedBy is ManagedBy. The manager's caches hold only what has it.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// LabelApp is the App that an object belongs to, or that a TestRun tests.
	LabelApp = "topas.dev/app"
	// LabelTestRun is the TestRun that an object belongs to.
	LabelTestRun = "topas.dev/testrun"
)

// ManagedBy is the value of LabelManagedBy.
const ManagedBy = "topas"

// FieldOwner is the one owner of the fields that TOPAS applies.
const FieldOwner = "topas"

// Values of LabelComponent.
const (
	ComponentService  = "service"
	ComponentDatabase = "database"
	// ComponentSchema marks the Job that makes a database's schema, its Pods and its ConfigMap.
	ComponentSchema = "schema"
	// ComponentTestRun marks the objects of a TestRun.
	ComponentTestRun = "testrun"
)

// ChildName is the name of the Deployment and Service of a service or database. The API server refuses Apps
// for which it has more than 63 characters.
func ChildName(app, name string) string { return app + "-" + name }

// Host is the name of a service or database inside the cluster.
func Host(namespace, app, name string) string {
	return fmt.Sprintf("%s.%s.svc", ChildName(app, name), namespace)
}

// Address is where a service or database answers inside the cluster, "<host>:<port>".
func Address(namespace, app, name string, port int32) string {
	return fmt.Sprintf("%s:%d", Host(namespace, app, name), port)
}

// AppLabels are the labels of what an App's service or database called name consists of.
func AppLabels(app, name, component string) map[string]string {
	return map[string]string{
		LabelName:      name,
		LabelInstance:  app,
		LabelComponent: component,
		LabelManagedBy: ManagedBy,
		LabelApp:       app,
	}
}

// AppSelector selects the Pods of a service or database. It must never change: a Deployment's selector is immutable.
func AppSelector(app, name, component string) map[string]string {
	return map[string]string{
		LabelName:      name,
		LabelComponent: component,
		LabelApp:       app,
	}
}
