/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

// Package contract holds what the manager, the runner and kctrl agree on: exit codes,
// environment variables, mount paths, and the result that a runner leaves behind.
package contract

// Exit codes of the runner. They are the verdict when no result can be read.
const (
	ExitPassed = 0
	ExitFailed = 1
	ExitError  = 2
)

// Names of the containers in the Pod of a run.
const (
	// RunnerContainer runs the script.
	RunnerContainer = "runner"
	// FetchContainer is the init container that clones the git source.
	FetchContainer = "fetch"
)

// Environment variables with which the manager tells the runner what to do.
const (
	// EnvRun is the name of the TestRun.
	EnvRun = "TOPAS_RUN"
	// EnvRunUID is the UID of the TestRun: a later one may have the same name.
	EnvRunUID = "TOPAS_RUN_UID"
	// EnvNamespace is the namespace of the TestRun, its App and the Pod.
	EnvNamespace = "TOPAS_NAMESPACE"
	// EnvApp is the name of the App under test.
	EnvApp = "TOPAS_APP"
	// EnvTimeout is how long the script may run, as a Go duration.
	EnvTimeout = "TOPAS_TIMEOUT"
	// EnvScript is the path of the script, relative to the first of the roots in EnvRoots.
	EnvScript = "TOPAS_SCRIPT"
	// EnvRoots are the folders that the script's files and modules are read from, separated
	// by ":". Nothing outside them is read.
	EnvRoots = "TOPAS_ROOTS"
	// EnvSecrets are the names of the Secrets in SecretsDir, separated by ",". It is not set if there are none.
	EnvSecrets = "TOPAS_SECRETS"
	// EnvGitURL, EnvGitPath and EnvGitRevision say what the fetch container clones.
	EnvGitURL      = "TOPAS_GIT_URL"
	EnvGitPath     = "TOPAS_GIT_PATH"
	EnvGitRevision = "TOPAS_GIT_REVISION"
	// EnvGitSecret is the name of the Secret whose keys are in GitCredentialsDir.
	EnvGitSecret = "TOPAS_GIT_SECRET"
)

// Paths inside the Pod of a run.
const (
	// BundleDir holds the inline script and the files of the TestRun.
	BundleDir = "/topas/bundle"
	// SourceDir holds the clone of the git source.
	SourceDir = "/topas/source"
	// CredentialsDir holds a folder for every database of the App whose credentials are in a Secret, by the name of the
	// database, with a file for each of the keys user, password and dbname that the Secret has.
	CredentialsDir = "/topas/credentials"
	// SecretsDir holds a folder for every Secret of the TestRun that exists, by its name, with a file for every key.
	SecretsDir = "/topas/secrets"
	// GitCredentialsDir holds a file for every key of the Secret that the git source names. Only the fetch container has it.
	GitCredentialsDir = "/topas/git-credentials"
	// TempDir is the one place besides SourceDir that can be written to.
	TempDir = "/tmp"
	// TerminationLog is where the kubelet reads the termination message from.
	TerminationLog = "/dev/termination-log"
	// NewmanDir holds node_modules with Newman in the runner image.
	NewmanDir = "/opt/topas/newman"
)

// DefaultScriptName is the file name of an inline script that was given none.
const DefaultScriptName = "script.lua"

// Reasons that the runner gives in a Result. The API's list of reasons holds them all.
const (
	ReasonPassed          = "Passed"
	ReasonAssertionFailed = "AssertionFailed"
	ReasonScriptError     = "ScriptError"
	ReasonTimedOut        = "TimedOut"
	ReasonCompileError    = "CompileError"
	ReasonScriptNotFound  = "ScriptNotFound"
	ReasonAppNotFound     = "AppNotFound"
	ReasonGitCloneFailed  = "GitCloneFailed"
	ReasonGitAuthFailed   = "GitAuthFailed"
	ReasonSecretNotFound  = "SecretNotFound"
	ReasonTerminated      = "Terminated"
	ReasonRunnerCrashed   = "RunnerCrashed"
)
