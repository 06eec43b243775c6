/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package v1alpha1

// DatabaseSpec is one PostgreSQL database of the system under test.
// +kubebuilder:validation:XValidation:rule="has(self.credentials) != has(self.credentialsSecretRef)",message="a database needs either credentials (user, password and dbname) or credentialsSecretRef (the name of a Secret with these keys)"
// +kubebuilder:validation:XValidation:rule="!has(self.storage) || !has(oldSelf.storage) || !has(self.credentials) || !has(oldSelf.credentials) || self.credentials == oldSelf.credentials",message="credentials of a database with storage can't be changed, because its data was made with them: take storage out (which deletes the data) and add it again"
type DatabaseSpec struct {
	// name of the database, a DNS label. Tests connect to it by "<app>-<name>" or by the name alone.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=61
	// +kubebuilder:validation:XValidation:rule="!format.dns1035Label().validate(self).hasValue()",message="name must be a DNS label: lower case letters, digits and '-', beginning with a letter and not ending with '-', such as orders-db"
	Name string `json:"name"`

	// image is the PostgreSQL image with its tag or digest, such as postgres:15. It must honour
	// POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB and hold psql and pg_isready.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	Image string `json:"image"`

	// port on which PostgreSQL listens.
	// +optional
	// +default=5432
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// credentials of the database: the keys user, password and dbname. They are put into the
	// Secret "<app>-<name>", and the database is made with them.
	// +optional
	// +kubebuilder:validation:XValidation:rule="'user' in self && 'password' in self && 'dbname' in self",message="credentials must have the keys user, password and dbname"
	// +kubebuilder:validation:XValidation:rule="self.all(k, k in ['user', 'password', 'dbname'])",message="credentials may have only the keys user, password and dbname"
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(self[k]) > 0)",message="credentials must not be empty: give user, password and dbname a value each"
	// +kubebuilder:validation:MaxProperties=3
	Credentials map[string]string `json:"credentials,omitempty"`

	// credentialsSecretRef names a Secret of yours with the keys user, password and dbname, in place of credentials.
	// +optional
	CredentialsSecretRef *SecretReference `json:"credentialsSecretRef,omitempty"`

	// initSQL makes the schema. It is run once by psql, in one transaction, when the database
	// accepts connections and before the services start for the first time; changed SQL is run again.
	// +optional
	// +kubebuilder:validation:MaxLength=1000000
	InitSQL string `json:"initSQL,omitempty"`

	// storage keeps the data in a PersistentVolumeClaim "<app>-<name>", so that it outlives the Pod. Without it the data
	// goes with the Pod, and the schema is made again.
	// +optional
	Storage *Storage `json:"storage,omitempty"`

	// resources are what the container asks for and its limits. Without any it asks for 100m of CPU and 128Mi of memory.
	// +optional
	Resources *Resources `json:"resources,omitempty"`

	// runAsUser is the number of the user "postgres" in the image, which is 999 in the public images
	// that are based on Debian and 70 in those on Alpine.
	// +optional
	// +default=999
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2147483647
	RunAsUser int64 `json:"runAsUser,omitempty"`

	// imagePullSecrets are the Secrets with which the image is pulled.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	ImagePullSecrets []SecretReference `json:"imagePullSecrets,omitempty"`
}

// Storage is the PersistentVolumeClaim of a database. It goes when the database is taken out of the App.
// +kubebuilder:validation:XValidation:rule="has(self.storageClassName) == has(oldSelf.storageClassName) && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",message="storageClassName of an existing database can't be changed, because its data stays where it is: take storage out (which deletes the data) and add it again"
// +kubebuilder:validation:XValidation:rule="!isQuantity(self.size) || !isQuantity(oldSelf.size) || quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0",message="size of an existing database can't shrink: give it the size that it has, or more"
type Storage struct {
	// size of the volume as a Kubernetes quantity, such as 1Gi. It can grow later if the StorageClass allows it.
	// +required
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))",message="size must be a quantity of more than 0, such as 1Gi"
	Size string `json:"size"`

	// storageClassName is the StorageClass of the volume. Left out, the cluster's default is taken; an
	// empty name takes a PersistentVolume that has no class.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	StorageClassName *string `json:"storageClassName,omitempty"`
}
