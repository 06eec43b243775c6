/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// watched is what an App consists of.
var watched = []schema.GroupVersionKind{
	{Group: "topas.dev", Version: "v1alpha1", Kind: "App"},
	{Group: "apps", Version: "v1", Kind: "Deployment"},
	{Group: "batch", Version: "v1", Kind: "Job"},
	{Version: "v1", Kind: "Service"},
	{Version: "v1", Kind: "Secret"},
	{Version: "v1", Kind: "ConfigMap"},
	{Version: "v1", Kind: "PersistentVolumeClaim"},
	{Version: "v1", Kind: "Pod"},
}

// outcome is what can be compared of rollouts in different namespaces.
type outcome struct {
	// Objects are those that there are, by kind and name.
	Objects map[string]map[string]any
	// Changes are what has happened to the objects that there are and were, but for their status.
	Changes map[string][]string
}

// history is what has happened in a namespace.
type history struct {
	namespace string

	mu       sync.Mutex
	outcome  outcome
	versions map[string]string // of the objects that there are
	schemas  map[string]string // suffixes of names that depend on uids, and what stands for them
	uids     map[string]types.UID
}

// watch follows what happens in the namespace, which is empty yet.
func (w *world) watch() *history {
	w.t.Helper()
	h := &history{
		namespace: w.namespace,
		outcome:   outcome{Objects: map[string]map[string]any{}, Changes: map[string][]string{}},
		versions:  map[string]string{},
		schemas:   map[string]string{},
		uids:      map[string]types.UID{},
	}
	for _, kind := range watched {
		w.watchEach(listOf(kind), h.see)
	}
	return h
}

// watchEach watches the namespace to the end of the test.
func (w *world) watchEach(list client.ObjectList, see func(watch.Event) error) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	watcher, err := client.NewWithWatch(w.server.Config, client.Options{Scheme: w.server.Scheme})
	w.must(err)
	events, err := watcher.Watch(ctx, list, client.InNamespace(w.namespace))
	w.must(err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for event := range events.ResultChan() {
			// The last event may be that the watch was canceled.
			if err := see(event); err != nil && ctx.Err() == nil {
				w.t.Errorf("watching %T: %v", list, err)
			}
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		<-ended
	})
}

func listOf(kind schema.GroupVersionKind) *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind)
	return list
}

func (h *history) see(event watch.Event) error {
	object, ok := event.Object.(*unstructured.Unstructured)
	if !ok {
		return fmt.Errorf("%s %v", event.Type, event.Object)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.numberSchema(object)
	after, err := h.comparable(object)
	if err != nil {
		return err
	}
	name := h.neutral(key(object))
	before := h.outcome.Objects[name]
	h.outcome.Objects[name], h.versions[key(object)] = after, object.GetResourceVersion()
	switch {
	case event.Type == watch.Deleted:
		delete(h.outcome.Objects, name)
		delete(h.versions, key(object))
	case object.GetKind() == "App", event.Type == watch.Modified && (reflect.DeepEqual(before, after) || object.GetDeletionTimestamp() != nil):
		return nil
	}
	h.outcome.Changes[name] = append(h.outcome.Changes[name], string(event.Type))
	return nil
}

func key(object *unstructured.Unstructured) string { return object.GetKind() + " " + object.GetName() }

var (
	schemaName = regexp.MustCompile(`-init-[0-9a-f]{12}$`)
	unsteady   = regexp.MustCompile(`"(topas.dev/[a-z-]+-hash|lastTransitionTime)":"[^"]*"`)
)

// numberSchema gives each new name of a schema a number: it is made of the uid of the database's Pod.
func (h *history) numberSchema(object *unstructured.Unstructured) {
	if suffix := schemaName.FindString(object.GetName()); suffix != "" && h.schemas[suffix] == "" {
		h.schemas[suffix] = fmt.Sprintf("-init-%d", len(h.schemas)+1)
	}
}

// neutral replaces what is different in every namespace.
func (h *history) neutral(text string) string {
	for name, neutral := range h.schemas {
		text = strings.ReplaceAll(text, name, neutral)
	}
	return strings.ReplaceAll(text, h.namespace, "<namespace>")
}

// comparable is the object without what every write or every attempt changes.
func (h *history) comparable(object *unstructured.Unstructured) (map[string]any, error) {
	data, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	text := string(data)
	for _, named := range append(object.GetOwnerReferences(), metav1.OwnerReference{Kind: object.GetKind(), Name: object.GetName(), UID: object.GetUID()}) {
		name := named.Kind + " " + named.Name
		if h.uids[name] == "" {
			h.uids[name] = named.UID
		}
		// Any other uid stays, and makes a difference.
		if h.uids[name] == named.UID {
			text = strings.ReplaceAll(text, string(named.UID), "<uid of "+name+">")
		}
	}
	text = unsteady.ReplaceAllString(h.neutral(text), `"$1":""`)
	after := map[string]any{}
	if err := json.Unmarshal([]byte(text), &after); err != nil {
		return nil, err
	}
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "managedFields"} {
		unstructured.RemoveNestedField(after, "metadata", field)
	}
	switch object.GetKind() {
	case "App":
	case "Service":
		unstructured.RemoveNestedField(after, "spec", "clusterIP")
		unstructured.RemoveNestedField(after, "spec", "clusterIPs")
	default:
		delete(after, "status")
	}
	return after, nil
}

// outcome waits until the watch has seen all that there is.
func (w *world) outcome() outcome {
	w.t.Helper()
	eventually(w.t, "the watch has seen it all", func() (bool, any) {
		versions := map[string]string{}
		for _, kind := range watched {
			list := listOf(kind)
			w.list(list)
			for i := range list.Items {
				versions[key(&list.Items[i])] = list.Items[i].GetResourceVersion()
			}
		}
		w.history.mu.Lock()
		defer w.history.mu.Unlock()
		return maps.Equal(versions, w.history.versions), w.history.versions
	})
	w.history.mu.Lock()
	defer w.history.mu.Unlock()
	return outcome{maps.Clone(w.history.outcome.Objects), maps.Clone(w.history.outcome.Changes)}
}
