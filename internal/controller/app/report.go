/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/internal/status"
)

// public are the keys of a database's credentials that are no secrets, and in many a message.
var public = []string{"user", "dbname"}

// report writes the status, if it is another one, and tells of transitions.
func (p *pass) report(ctx context.Context) error {
	if err := p.redact(ctx); err != nil {
		return err
	}
	before := p.app.DeepCopy()
	p.app.Status = status.App(before.Status, p.seen)
	if equality.Semantic.DeepEqual(before.Status, p.app.Status) {
		return nil
	}
	after := p.app.Status
	if err := p.cached.Status().Patch(ctx, p.app, client.MergeFrom(before)); err != nil {
		// The App is gone, and so is what there was to say.
		if client.IgnoreNotFound(err) == nil {
			return nil
		}
		return fmt.Errorf("writing the status: %w", err)
	}
	for _, e := range status.AppEvents(before.Status, after) {
		p.events.Eventf(p.app, nil, e.Type, e.Reason, e.Action, "%s", e.Note)
	}
	return nil
}

// redact takes the App's secrets out of what its containers printed, before the status repeats it.
func (p *pass) redact(ctx context.Context) error {
	if !p.seen.Quotes() {
		return nil
	}
	secrets, err := p.secrets(ctx)
	if err != nil {
		return err
	}
	p.seen.Redact(secrets)
	return nil
}

// secrets are the values that the App's containers know and nobody else should: the passwords of its databases, and what
// its services take from Secrets.
func (p *pass) secrets(ctx context.Context) ([]string, error) {
	var values []string
	named := map[string]bool{}
	for _, database := range p.app.Spec.Databases {
		values = append(values, database.Credentials["password"])
		if ref := database.CredentialsSecretRef; ref != nil {
			named[ref.Name] = true
		}
	}
	for _, service := range p.app.Spec.Services {
		for _, source := range service.EnvFrom {
			if source.SecretRef != nil {
				named[source.SecretRef.Name] = true
			}
		}
	}
	for name := range named {
		secret := &corev1.Secret{}
		err := p.live.Get(ctx, client.ObjectKey{Namespace: p.app.Namespace, Name: name}, secret)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("reading Secret %s, whose values must not be shown: %w", name, err)
		}
		for key, value := range secret.Data {
			if !slices.Contains(public, key) {
				values = append(values, string(value))
			}
		}
	}
	return values, nil
}
