/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AppSpec says what the system under test consists of.
//
// Each service and database becomes a Deployment and a Service named "<app>-<name>", so a
// name may be used once in an App, be it by a service or by a database.
// +kubebuilder:validation:XValidation:rule="!has(self.services) || self.services.all(s, self.services.exists_one(t, t.name == s.name))",message="two services have the same name: give every service and database of an App a name of its own"
// +kubebuilder:validation:XValidation:rule="!has(self.databases) || self.databases.all(d, self.databases.exists_one(t, t.name == d.name))",message="two databases have the same name: give every service and database of an App a name of its own"
// +kubebuilder:validation:XValidation:rule="!has(self.databases) || self.databases.map(d, has(d.initSQL) ? size(bytes(d.initSQL)) : 0).sum() <= 1000000",message="the initSQL of all databases together may have at most 1000000 bytes, because the cluster stores it as a whole: keep the schema in initSQL, and load large data from a test (db.seed) or from the database's image"
// +kubebuilder:validation:XValidation:rule="!has(self.services) || !has(self.databases) || self.services.all(s, !self.databases.exists(d, d.name == s.name))",message="a service and a database have the same name: give every service and database of an App a name of its own"
type AppSpec struct {
	// services are the programs under test.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Services []ServiceSpec `json:"services,omitempty"`

	// databases are the PostgreSQL databases that the services use.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Databases []DatabaseSpec `json:"databases,omitempty"`
}

// AppPhase sums up the conditions of an App in one word.
// +kubebuilder:validation:Enum=Pending;Progressing;Ready;Degraded;Failed
type AppPhase string

const (
	// AppPending means that nothing of the App has been made yet.
	AppPending AppPhase = "Pending"
	// AppProgressing means that databases, schemas or services are on their way to what the spec says.
	AppProgressing AppPhase = "Progressing"
	// AppReady means that everything runs as the spec says.
	AppReady AppPhase = "Ready"
	// AppDegraded means that something that should run does not, and may recover.
	AppDegraded AppPhase = "Degraded"
	// AppFailed means that the App can't become ready before its spec is changed.
	AppFailed AppPhase = "Failed"
)

// AppStatus is what was last seen of the App.
type AppStatus struct {
	// observedGeneration is the generation of the spec that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// phase sums up the conditions in one word.
	// +optional
	Phase AppPhase `json:"phase,omitempty"`

	// readyServices is the number of ready services and the number wanted, such as "2/2".
	// +optional
	ReadyServices string `json:"readyServices,omitempty"`

	// readyDatabases is the number of ready databases and the number wanted, such as "1/1".
	// +optional
	ReadyDatabases string `json:"readyDatabases,omitempty"`

	// services are the services as they run, in the order of the spec.
	// +optional
	// +listType=map
	// +listMapKey=name
	Services []ServiceStatus `json:"services,omitempty"`

	// databases are the databases as they run, in the order of the spec.
	// +optional
	// +listType=map
	// +listMapKey=name
	Databases []DatabaseStatus `json:"databases,omitempty"`

	// conditions are Ready, SchemaReady and Progressing.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ServiceStatus is one service as it runs.
type ServiceStatus struct {
	// name of the service, as in the spec.
	Name string `json:"name"`
	// image that the last rollout was made with, with its tag or digest.
	// +optional
	Image string `json:"image,omitempty"`
	// desiredReplicas is the number of Pods that should run.
	// +optional
	DesiredReplicas int32 `json:"desiredReplicas"`
	// readyReplicas is the number of ready Pods, of whatever version.
	// +optional
	ReadyReplicas int32 `json:"readyReplicas"`
	// address at which the service answers inside the cluster, "<host>:<port>".
	// +optional
	Address string `json:"address,omitempty"`
	// ready is true when every wanted Pod runs the current version, is ready, and no old one is left.
	// +optional
	Ready bool `json:"ready"`
	// message says why the service is not ready, in the words of the cluster.
	// +optional
	Message string `json:"message,omitempty"`
}

// DatabaseStatus is one database as it runs.
type DatabaseStatus struct {
	// name of the database, as in the spec.
	Name string `json:"name"`
	// address at which the database answers inside the cluster, "<host>:<port>".
	// +optional
	Address string `json:"address,omitempty"`
	// ready is true when the database accepts connections and has its schema.
	// +optional
	Ready bool `json:"ready"`
	// schemaHash is the hash of the initSQL that was applied last.
	// +optional
	SchemaHash string `json:"schemaHash,omitempty"`
	// message says why the database is not ready, in the words of the cluster or of psql.
	// +optional
	Message string `json:"message,omitempty"`
}

// The rules on metadata.name build on the API server's own, which lets only DNS subdomains through: the format of a
// whole label would cost more than the API server allows a rule.

// App is a system under test: its services, its databases and their schema.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=topas
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Services",type=string,JSONPath=`.status.readyServices`
// +kubebuilder:printcolumn:name="Databases",type=string,JSONPath=`.status.readyDatabases`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63 && !self.metadata.name.contains('.') && self.metadata.name.matches('^[a-z]')",message="the name of an App must be a DNS label: lower case letters, digits and '-', beginning with a letter and not ending with '-', at most 63 characters"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.services) || self.spec.services.all(s, size(self.metadata.name) + size(s.name) < 63)",message="<app>-<service> is the name of the Service and must fit into 63 characters: shorten the name of the App or of the service"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.databases) || self.spec.databases.all(d, size(self.metadata.name) + size(d.name) < 63)",message="<app>-<database> is the name of the Service and must fit into 63 characters: shorten the name of the App or of the database"
type App struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what the system under test consists of.
	// +required
	Spec AppSpec `json:"spec"`

	// status is what was last seen of it.
	// +optional
	Status AppStatus `json:"status,omitempty"`
}

// AppList is a list of Apps.
// +kubebuilder:object:root=true
type AppList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []App `json:"items"`
}
