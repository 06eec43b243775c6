/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"context"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	batchv1ac "k8s.io/client-go/applyconfigurations/batch/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/internal/desired"
)

// configuration is what the desired object must be able to say of itself.
type configuration interface {
	IsApplyConfiguration()
	GetKind() *string
	GetName() *string
}

// ensure makes an object what it should be and returns it as it is then. Current is what the cache knows, nil for nothing.
// Nothing is written when the fields that TOPAS applied are already the wanted ones, and nobody added to them.
func ensure[T any, P object[T]](ctx context.Context, p *pass, current P, wanted configuration) (P, error) {
	what := fmt.Sprintf("%s %s", *wanted.GetKind(), *wanted.GetName())
	if current == nil {
		found, err := existing[T, P](ctx, p, *wanted.GetName())
		if err != nil {
			return nil, refuse(what, err)
		}
		current = found
	}
	if current != nil {
		if err := p.mayTake(current); err != nil {
			return nil, &refusal{fmt.Errorf("applying %s: %w", what, err)}
		}
		reclaimed, err := p.reclaim(ctx, current, wanted)
		if err != nil {
			return nil, refuse(what, err)
		}
		same, err := applied(current, wanted)
		if err != nil {
			return nil, fmt.Errorf("comparing %s: %w", what, err)
		}
		if same && !reclaimed {
			return current, nil
		}
	}
	after, err := write[T, P](ctx, p, wanted)
	if err != nil {
		return nil, refuse(what, err)
	}
	ctrl.LoggerFrom(ctx).Info("Applied object", "kind", *wanted.GetKind(), "object", *wanted.GetName(), "created", current == nil)
	return after, nil
}

// existing looks for an object that is not in the cache, which holds only what has TOPAS's labels: server-side apply would
// take over somebody else's object of that name without a word.
func existing[T any, P object[T]](ctx context.Context, p *pass, name string) (P, error) {
	found := P(new(T))
	err := p.live.Get(ctx, client.ObjectKey{Namespace: p.app.Namespace, Name: name}, found)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return found, err
}

// mayTake returns an error if the object belongs to somebody else.
func (p *pass) mayTake(current client.Object) error {
	owner, app := metav1.GetControllerOf(current), current.GetLabels()[desired.LabelApp]
	switch {
	case owner != nil && owner.UID == p.app.UID:
		return nil
	case owner != nil:
		return fmt.Errorf("it exists and is controlled by %s %s: delete it, or give the App's part another name", owner.Kind, owner.Name)
	case app == "" && desired.Applied(current):
		return nil // somebody took the marks off what TOPAS made
	case app != p.app.Name:
		return fmt.Errorf("it exists and is not part of this App: delete it, or give the App's part another name")
	default:
		return nil
	}
}

// reclaim makes TOPAS the owner of what others added to the parts that the App alone describes, and reports whether there was
// any: the next apply takes it away.
func (p *pass) reclaim(ctx context.Context, current client.Object, wanted configuration) (bool, error) {
	fields, changed, err := desired.Reclaim(current, wanted)
	if err != nil || !changed {
		return false, err
	}
	after, ok := current.DeepCopyObject().(client.Object)
	if !ok {
		return false, fmt.Errorf("%T is no object", current)
	}
	after.SetManagedFields(fields)
	patch := client.MergeFromWithOptions(current, client.MergeFromWithOptimisticLock{})
	return true, p.cached.Patch(ctx, after, patch, client.FieldOwner(desired.FieldOwner))
}

// applied reports whether the fields that TOPAS owns in current are exactly those of wanted. A field that
// somebody else has changed since is owned by them, so it makes a difference.
func applied(current client.Object, wanted configuration) (bool, error) {
	var got any
	var err error
	switch o := current.(type) {
	case *appsv1.Deployment:
		got, err = appsv1ac.ExtractDeployment(o, desired.FieldOwner)
	case *batchv1.Job:
		got, err = batchv1ac.ExtractJob(o, desired.FieldOwner)
	case *corev1.Service:
		got, err = corev1ac.ExtractService(o, desired.FieldOwner)
	case *corev1.Secret:
		got, err = corev1ac.ExtractSecret(o, desired.FieldOwner)
	case *corev1.ConfigMap:
		got, err = corev1ac.ExtractConfigMap(o, desired.FieldOwner)
	case *corev1.PersistentVolumeClaim:
		got, err = corev1ac.ExtractPersistentVolumeClaim(o, desired.FieldOwner)
	default:
		return false, fmt.Errorf("%T is no kind that is applied", current)
	}
	return err == nil && equality.Semantic.DeepEqual(got, wanted), err
}

// write applies and returns what the API server answers: the whole object, which the App's status needs and an apply
// configuration does not hold.
func write[T any, P object[T]](ctx context.Context, p *pass, wanted configuration) (P, error) {
	data, err := json.Marshal(wanted)
	if err != nil {
		return nil, fmt.Errorf("encoding: %w", err)
	}
	after := P(new(T))
	after.SetNamespace(p.app.Namespace)
	after.SetName(*wanted.GetName())
	patch := client.RawPatch(types.ApplyYAMLPatchType, data)
	if err := p.cached.Patch(ctx, after, patch, client.FieldOwner(desired.FieldOwner), client.ForceOwnership); err != nil {
		return nil, err
	}
	return after, nil
}
