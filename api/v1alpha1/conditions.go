/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package v1alpha1

// Condition types of an App. All are present from the first status on; True is good for
// Ready and SchemaReady, and Progressing is True while something is on its way.
const (
	// AppConditionReady is True when every service and database runs as the spec says.
	AppConditionReady = "Ready"
	// AppConditionSchemaReady is True when every database has its schema.
	AppConditionSchemaReady = "SchemaReady"
	// AppConditionProgressing is True while databases, schemas or services are on their way.
	AppConditionProgressing = "Progressing"
)

// Reasons of the conditions of an App.
const (
	AppReasonReady               = "AllReady"
	AppReasonDatabaseNotReady    = "DatabaseNotReady"
	AppReasonSchemaPending       = "SchemaPending"
	AppReasonSchemaFailed        = "SchemaFailed"
	AppReasonSchemaApplied       = "SchemaApplied"
	AppReasonNoSchema            = "NoSchema"
	AppReasonServiceNotReady     = "ServiceNotReady"
	AppReasonImagePull           = "ImagePullBackOff"
	AppReasonCrashLoop           = "CrashLoopBackOff"
	AppReasonUnschedulable       = "Unschedulable"
	AppReasonQuotaExceeded       = "QuotaExceeded"
	AppReasonRollingOut          = "RollingOut"
	AppReasonRolledOut           = "RolledOut"
	AppReasonApplyFailed         = "ApplyFailed"
	AppReasonReplicasUnavailable = "ReplicasUnavailable"
)

// Condition types of a TestRun.
const (
	// TestRunConditionAdmitted is True from the moment at which the run has a slot.
	TestRunConditionAdmitted = "Admitted"
	// TestRunConditionComplete is True when the run has ended, whatever the verdict.
	TestRunConditionComplete = "Complete"
)

const (
	// AnnotationScriptName holds the file name of an inline script, which error messages name.
	// Without it the name is "script.lua".
	AnnotationScriptName = "topas.dev/script-name"
	// LabelApp is on every object made for an App, and on the TestRuns and Pods that test it.
	LabelApp = "topas.dev/app"
	// LabelTestRun is on every object made for a TestRun.
	LabelTestRun = "topas.dev/testrun"
	// AnnotationCopyOf is on the private copy of an App that a TestRun with the isolation Ephemeral has, and names that App.
	// Names that begin with the App's stand for those of the copy in the test.
	AnnotationCopyOf = "topas.dev/copy-of"
)
