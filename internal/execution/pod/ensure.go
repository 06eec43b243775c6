/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package pod

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
	"github.com/topas-dev/topas/internal/desired"
)

// StartError says why a run could not be started.
type StartError struct {
	// Reason is one of the API's reasons of a TestRun.
	Reason string
	// Final is true when it is of no use to try again.
	Final bool
	Err   error
}

func (e *StartError) Error() string { return e.Err.Error() }

func (e *StartError) Unwrap() error { return e.Err }

// StartReason returns the Reason, and whether the error is Final.
func (e *StartError) StartReason() (reason string, final bool) { return e.Reason, e.Final }

func bundleError(err error) error {
	var bundle *desired.BundleError
	if errors.As(err, &bundle) {
		return &StartError{Reason: bundle.Reason, Final: true, Err: err}
	}
	return err
}

// ensure creates the object, and returns it as it is in the cluster. One that is there already is fine if it belongs to
// the same owner.
func ensure[T client.Object](ctx context.Context, e *Execution, wanted T) (T, error) {
	kind := reflect.TypeFor[T]().Elem().Name()
	err := e.Client.Create(ctx, wanted)
	switch {
	case err == nil:
		return wanted, nil
	case apierrors.IsAlreadyExists(err):
		return adopt(ctx, e, kind, wanted)
	case refused(err):
		return wanted, &StartError{Reason: v1alpha1.ReasonPodCreateFailed, Err: fmt.Errorf("creating %s %s: %w", kind, wanted.GetName(), err)}
	default:
		return wanted, fmt.Errorf("creating %s %s: %w", kind, wanted.GetName(), err)
	}
}

// adopt returns the object that has the name of wanted, if it belongs to the same owner.
func adopt[T client.Object](ctx context.Context, e *Execution, kind string, wanted T) (T, error) {
	// A decoder would leave what it does not find as it is, so the object is read into an empty one.
	found := reflect.New(reflect.TypeFor[T]().Elem()).Interface().(T)
	if err := e.Live.Get(ctx, client.ObjectKeyFromObject(wanted), found); err != nil {
		return found, fmt.Errorf("reading %s %s: %w", kind, wanted.GetName(), err)
	}
	owner, holder := metav1.GetControllerOf(wanted), metav1.GetControllerOf(found)
	switch {
	case holder != nil && holder.UID == owner.UID:
		return found, nil
	case found.GetDeletionTimestamp() != nil, holder != nil && holder.Kind == owner.Kind && holder.Name == owner.Name:
		// It belongs to an owner of the same name that was deleted, and is about to go the same way.
		return found, &StartError{Reason: v1alpha1.ReasonPodNameTaken,
			Err: fmt.Errorf("%s %s of a deleted %s %s is still there", kind, wanted.GetName(), owner.Kind, owner.Name)}
	default:
		return found, &StartError{Reason: v1alpha1.ReasonPodNameTaken, Final: true,
			Err: fmt.Errorf("%s %s is there already and belongs to %s: delete it, or give the %s another name",
				kind, wanted.GetName(), describe(holder), owner.Kind)}
	}
}

func describe(holder *metav1.OwnerReference) string {
	if holder == nil {
		return "nobody"
	}
	return holder.Kind + " " + holder.Name
}

// refused reports whether the API server understood the request and said no (a quota, a Pod Security Standard, a webhook),
// which may change, rather than being out of reach or overloaded.
func refused(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	code := status.Status().Code
	return code >= 400 && code < 500 && code != http.StatusTooManyRequests ||
		code == http.StatusInternalServerError && status.Status().Reason == metav1.StatusReasonInternalError
}
