/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package app

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/internal/status"
)

// report writes the status, if it is another one, and tells of transitions.
func (p *pass) report(ctx context.Context) error {
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
