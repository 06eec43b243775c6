/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestRunSpec is one execution of one Lua script against one App.
// +kubebuilder:validation:XValidation:rule="has(self.script) != has(self.git)",message="give the test either inline in script or by git (url, path, revision): exactly one of them"
// +kubebuilder:validation:XValidation:rule="self.appName == oldSelf.appName && has(self.script) == has(oldSelf.script) && (!has(self.script) || self.script == oldSelf.script) && has(self.git) == has(oldSelf.git) && (!has(self.git) || self.git == oldSelf.git) && has(self.files) == has(oldSelf.files) && (!has(self.files) || self.files == oldSelf.files) && has(self.params) == has(oldSelf.params) && (!has(self.params) || self.params == oldSelf.params) && has(self.timeout) == has(oldSelf.timeout) && (!has(self.timeout) || self.timeout == oldSelf.timeout) && has(self.priority) == has(oldSelf.priority) && (!has(self.priority) || self.priority == oldSelf.priority) && has(self.secrets) == has(oldSelf.secrets) && (!has(self.secrets) || self.secrets == oldSelf.secrets) && has(self.isolation) == has(oldSelf.isolation) && (!has(self.isolation) || self.isolation == oldSelf.isolation) && has(self.retries) == has(oldSelf.retries) && (!has(self.retries) || self.retries == oldSelf.retries) && has(self.podTemplate) == has(oldSelf.podTemplate) && (!has(self.podTemplate) || self.podTemplate == oldSelf.podTemplate)",message="the spec of a TestRun can't be changed, but for cancel and ttlSecondsAfterFinished: make a new TestRun"
// +kubebuilder:validation:XValidation:rule="self.?cancel.orValue(false) || !oldSelf.?cancel.orValue(false)",message="a TestRun that was canceled stays so: make a new TestRun"
type TestRunSpec struct {
	// appName is the App in the same namespace that the script tests.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	AppName string `json:"appName"`

	// script is the Lua source of the test.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=262144
	Script string `json:"script,omitempty"`

	// git says where the script lies in a git repository.
	// +optional
	Git *GitSource `json:"git,omitempty"`

	// files are given to the script beside it: file name -> content, such as Postman collections
	// and Lua modules. A name may hold folders, as in "tests/api-tests.json". All files and the
	// script together must stay below 1 MiB.
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	// +kubebuilder:validation:XValidation:rule="self.all(f, size(f) <= 253 && f.matches('^[A-Za-z0-9_ @+=,-][A-Za-z0-9_. @+=,-]*(/[A-Za-z0-9_ @+=,-][A-Za-z0-9_. @+=,-]*)*$'))",message="the name of a file must be a relative path such as tests/api-tests.json, of at most 253 letters, digits and _ . @ + = , - or space, no part of it beginning with a dot"
	Files map[string]string `json:"files,omitempty"`

	// params are given to the script, which reads them with os.getenv: name -> value.
	// +optional
	// +kubebuilder:validation:MaxProperties=256
	// +kubebuilder:validation:XValidation:rule="self.all(name, size(name) <= 256 && name.matches('^[A-Za-z_][A-Za-z0-9_.-]*$'))",message="the name of a parameter must be letters, digits, '_', '-' and '.', must not begin with a digit, and have at most 256 characters, such as BASE_URL"
	Params map[string]string `json:"params,omitempty"`

	// secrets are the names of Secrets in the namespace of the TestRun, whose keys the script reads with test.secret("name/key").
	// Their values are replaced by *** in the log and in the status.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.all(name, name.matches('^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$'))",message="secrets are the names of Secrets: lower case letters, digits, '-' and '.'"
	Secrets []string `json:"secrets,omitempty"`

	// timeout is how long the script may run, as a Go duration from 1s to 24h, such as "90s" or "10m".
	// +optional
	// +default="10m"
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ms|s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="timeout must be a duration from 1s to 24h, such as 90s or 10m"
	Timeout string `json:"timeout,omitempty"`

	// priority says which of the runs that wait for a slot goes first: one of a higher priority before one of a
	// lower, and the older one among equals. From -1000 to 1000; 0 without it.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= -1000 && self <= 1000",message="priority must be a number from -1000 to 1000: runs of a higher priority go first, 0 is the default"
	Priority int32 `json:"priority,omitempty"`

	// isolation says with whom the run shares the App. Shared: runs on one App run side by side. Exclusive: the run has the App
	// for itself, others wait for it, and the App's spec is put back as it was when the run ends. Ephemeral: the run has a copy
	// of the App, with databases of its own, that is made for it and deleted with its end.
	// +optional
	// +default="Shared"
	Isolation Isolation `json:"isolation,omitempty"`

	// retries is how many more times the run is tried when an attempt ends as an Error that the cluster caused, such as
	// Evicted or ImagePullFailed. From 0, the default, to 10.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self >= 0 && self <= 10",message="retries must be a number from 0 to 10"
	Retries int32 `json:"retries,omitempty"`

	// cancel ends the run, as an Error with the reason Canceled. A script that runs is stopped and has 30 seconds to clean up.
	// It can't be taken back, and changes nothing of a run that has ended.
	// +optional
	Cancel bool `json:"cancel,omitempty"`

	// ttlSecondsAfterFinished is how many seconds after its end the run is deleted, with its Pod and log; 0 for at once. Without
	// it, the manager's --default-ttl counts. It can be changed at any time.
	// +optional
	// +kubebuilder:validation:Minimum=0
	TTLSecondsAfterFinished *int32 `json:"ttlSecondsAfterFinished,omitempty"`

	// podTemplate is what the Pod of the run has beside what TOPAS gives it: where it runs, what it may use.
	// +optional
	PodTemplate *PodTemplate `json:"podTemplate,omitempty"`
}

// Isolation says with whom a run shares its App.
// +kubebuilder:validation:Enum=Shared;Exclusive;Ephemeral
type Isolation string

// The isolations. An empty one is Shared.
const (
	IsolationShared    Isolation = "Shared"
	IsolationExclusive Isolation = "Exclusive"
	IsolationEphemeral Isolation = "Ephemeral"
)

// GitSource is a file in a git repository.
// +kubebuilder:validation:XValidation:rule="has(self.secretRef) || !(self.url.startsWith('ssh://') || self.url.matches('^[A-Za-z0-9_.-]+@[^:/]+:.+'))",message="an SSH url needs secretRef, the name of a Secret with the keys ssh-privatekey and known_hosts"
type GitSource struct {
	// url of the repository: https://, http:// or ssh://, or user@host:path for SSH.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^(https?|ssh)://.+') || self.matches('^[A-Za-z0-9_.-]+@[^:/]+:.+')",message="url must begin with https://, http:// or ssh://, or have the form user@host:path"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^https?://[^/?#]*@') && !self.matches('^ssh://[^/?#]*:[^/?#]*@')",message="url must not hold a user name, password or token: put them into a Secret with the keys username and password, or bearerToken, and name it in secretRef"
	URL string `json:"url"`

	// path of the script inside the repository.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.split('/').exists(p, p == '..')",message="path must stay inside the repository: write it relative to the root and without '..', such as tests/upgrade_test.lua"
	Path string `json:"path"`

	// revision is a branch, a tag, or a full or short commit SHA. Without it, the default branch is taken.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Revision string `json:"revision,omitempty"`

	// secretRef names a Secret in the namespace of the TestRun with what the server asks for. For an https or http url:
	// username and password, or bearerToken; and ca.crt, where a CA of one's own has signed the server's certificate.
	// For an ssh url: ssh-privatekey and known_hosts. Only the container that clones gets to see it.
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`
}

// TestRun is one execution of one Lua script against one App.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=topas,shortName=tr
// +kubebuilder:printcolumn:name="App",type=string,JSONPath=`.spec.appName`
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=`.status.state`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.reason`
// +kubebuilder:printcolumn:name="Position",type=integer,JSONPath=`.status.queuePosition`
// +kubebuilder:printcolumn:name="Duration",type=string,JSONPath=`.status.duration`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.message`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 58 && !self.metadata.name.contains('.')",message="the name of a TestRun must be a DNS label: lower case letters, digits and '-', at most 58 characters"
type TestRun struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which script runs against which App. But for cancel and ttlSecondsAfterFinished it can't be changed.
	// +required
	Spec TestRunSpec `json:"spec"`

	// status is what became of the run.
	// +optional
	Status TestRunStatus `json:"status,omitempty"`
}

// TestRunList is a list of TestRuns.
// +kubebuilder:object:root=true
type TestRunList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []TestRun `json:"items"`
}
