/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package sut

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// errTimeout is the cause of a context that ended because of the caller's timeout, and not of the test's.
var errTimeout = errors.New("timeout of the wait")

// WaitReady waits until a service runs as the spec says, in the version that the spec names, or until a database
// has its schema, and until it accepts connections from here. The error of a timeout says what was last seen.
func (c *Client) WaitReady(ctx context.Context, name string, timeout time.Duration) error {
	limited, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout)
	defer cancel()

	last := "the app could not be read"
	err := c.follow(limited, func(app *v1alpha1.App) (bool, error) {
		ready, seen, err := readiness(app, name)
		last = seen
		return ready, err
	}, func(err error) { last = err.Error() })
	if err == nil {
		err = c.reach(limited, name, func(seen string) { last = seen })
	}
	if err != nil && errors.Is(context.Cause(limited), errTimeout) {
		return fmt.Errorf("%s was not ready within %s: %s%s", name, timeout, last, c.pods(ctx, name))
	}
	return err
}

// Wanted is what a status should say. What is nil may be anything.
type Wanted struct {
	Ready                          *bool
	Image                          *string
	DesiredReplicas, ReadyReplicas *int32
}

// Wait waits until the controller has seen the App as it is, and its status of a service or database is as wanted.
func (c *Client) Wait(ctx context.Context, name string, wanted Wanted, timeout time.Duration) error {
	limited, cancel := context.WithTimeoutCause(ctx, timeout, errTimeout)
	defer cancel()

	last := "the app could not be read"
	err := c.follow(limited, func(app *v1alpha1.App) (bool, error) {
		status, err := statusOf(app, name)
		if err != nil {
			return false, err
		}
		if app.Status.ObservedGeneration < app.Generation {
			last = notSeen(app)
			return false, nil
		}
		last = wanted.missing(status)
		return last == "", nil
	}, func(err error) { last = err.Error() })
	if err != nil && errors.Is(context.Cause(limited), errTimeout) {
		return fmt.Errorf("%s was not as wanted within %s: %s%s", name, timeout, last, c.pods(ctx, name))
	}
	return err
}

// missing says what of a status is not as wanted.
func (w Wanted) missing(s Status) string {
	var said []string
	if w.Ready != nil && *w.Ready != s.Ready {
		said = append(said, fmt.Sprintf("ready is %t", s.Ready))
	}
	if w.Image != nil && *w.Image != s.Image {
		said = append(said, fmt.Sprintf("image is %q", s.Image))
	}
	if w.DesiredReplicas != nil && *w.DesiredReplicas != s.DesiredReplicas {
		said = append(said, fmt.Sprintf("desired_replicas is %d", s.DesiredReplicas))
	}
	if w.ReadyReplicas != nil && *w.ReadyReplicas != s.ReadyReplicas {
		said = append(said, fmt.Sprintf("ready_replicas is %d", s.ReadyReplicas))
	}
	if len(said) > 0 && s.Message != "" {
		said = append(said, s.Message)
	}
	return strings.Join(said, ", ")
}

func notSeen(app *v1alpha1.App) string {
	return fmt.Sprintf("the controller has not yet seen generation %d of app %q (last seen: %d)",
		app.Generation, app.Name, app.Status.ObservedGeneration)
}

// follow calls check with the App as it is and then with every change, until check is done or fails, or ctx ends.
// What goes wrong meanwhile and may pass is reported to trouble.
func (c *Client) follow(ctx context.Context, check func(*v1alpha1.App) (bool, error), trouble func(error)) error {
	backoff := wait.Backoff{Duration: 50 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 6, Cap: 2 * time.Second}
	for {
		app, err := c.App(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			done, err := c.followFrom(ctx, app, check, trouble)
			if done || err != nil {
				return err
			}
		case permanent(err):
			return err
		default:
			trouble(err)
		}
		// The API server closes a watch now and then. Should it refuse every watch, it is not asked in a hot loop.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(backoff.Step()):
		}
	}
}

// followFrom returns false without an error when the watch was closed.
func (c *Client) followFrom(
	ctx context.Context, app *v1alpha1.App, check func(*v1alpha1.App) (bool, error), trouble func(error),
) (bool, error) {
	if done, err := check(app); done || err != nil {
		return done, err
	}
	w, err := c.kube.Watch(ctx, &v1alpha1.AppList{}, &client.ListOptions{
		Namespace:     c.key.Namespace,
		FieldSelector: fields.OneTermEqualSelector("metadata.name", c.key.Name),
		Raw:           &metav1.ListOptions{ResourceVersion: app.ResourceVersion},
	})
	if err != nil {
		if permanent(err) {
			return false, fmt.Errorf("watching app %q: %w", c.key.Name, err)
		}
		trouble(err)
		return false, nil
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		app, ok := event.Object.(*v1alpha1.App)
		if !ok {
			return false, nil // an error event: the watch is over
		}
		if event.Type == watch.Deleted {
			return false, fmt.Errorf("app %q was deleted", c.key.Name)
		}
		c.remember(app)
		if done, err := check(app); done || err != nil {
			return done, err
		}
	}
	return false, nil
}

func permanent(err error) bool {
	_, gone := errors.AsType[*NotFoundError](err)
	return gone || apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err)
}

// readiness reports whether the service or database is ready, and what there is to say about it.
func readiness(app *v1alpha1.App, name string) (ready bool, seen string, err error) {
	wanted, isService := "", false
	if s := service(app, name); s != nil {
		wanted, isService = s.Reference(), true
	} else if database(app, name) == nil {
		return false, "", fmt.Errorf("app %q has no service or database %q: %s", app.Name, name, names(app))
	}
	if app.Status.ObservedGeneration < app.Generation {
		return false, notSeen(app), nil
	}
	if isService {
		ready, seen = serviceReadiness(app, name, wanted)
		return ready, seen, nil
	}
	ready, seen = databaseReadiness(app, name)
	return ready, seen, nil
}

func serviceReadiness(app *v1alpha1.App, name, wanted string) (bool, string) {
	for _, s := range app.Status.Services {
		if s.Name != name {
			continue
		}
		said := []string{fmt.Sprintf("%d/%d ready", s.ReadyReplicas, s.DesiredReplicas)}
		if s.Image != wanted {
			said = append(said, fmt.Sprintf("image %q instead of %q", s.Image, wanted))
		}
		if s.Message != "" {
			said = append(said, s.Message)
		}
		return s.Ready && s.Image == wanted, strings.Join(said, ", ")
	}
	return false, "the controller has not reported on it yet" + whyNot(app)
}

func databaseReadiness(app *v1alpha1.App, name string) (bool, string) {
	for _, d := range app.Status.Databases {
		if d.Name != name {
			continue
		}
		if d.Message != "" {
			return d.Ready, d.Message
		}
		return d.Ready, "it does not accept connections yet, or has no schema"
	}
	return false, "the controller has not reported on it yet" + whyNot(app)
}

// whyNot is what the App as a whole says.
func whyNot(app *v1alpha1.App) string {
	for _, condition := range app.Status.Conditions {
		if condition.Type == v1alpha1.AppConditionReady && condition.Message != "" {
			return ": " + condition.Message
		}
	}
	return ""
}
