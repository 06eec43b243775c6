/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package sut

import (
	"strings"

	"github.com/topas-dev/topas/api/v1alpha1"
)

const defaultDatabasePort = 5432

// Resolve returns where a service or database of the App is reached: the host, and the port on which it listens.
// The name may be the short one ("frontend"), the full one ("shop-frontend"), or the full one with the namespace and
// the cluster's domain after it, in any case. Other names, such as those of outside hosts, are not ok.
func (c *Client) Resolve(host string) (target string, port int32, ok bool) {
	for _, fresh := range []bool{false, true} {
		app := c.lastSeen(fresh)
		for _, name := range c.candidates(app, host) {
			if s := service(app, name); s != nil {
				return c.host(name), s.Port, true
			}
			if d := database(app, name); d != nil {
				return c.host(name), databasePort(d), true
			}
		}
	}
	return "", 0, false
}

// Database returns a database of the App and the host at which it is reached. The names are those of Resolve.
func (c *Client) Database(host string) (spec v1alpha1.DatabaseSpec, target string, ok bool) {
	for _, fresh := range []bool{false, true} {
		app := c.lastSeen(fresh)
		for _, name := range c.candidates(app, host) {
			if d := database(app, name); d != nil {
				found := *d.DeepCopy()
				found.Port = databasePort(d)
				return found, c.host(name), true
			}
		}
	}
	return v1alpha1.DatabaseSpec{}, "", false
}

// Databases returns the names of all databases of the App.
func (c *Client) Databases() []string {
	var all []string
	for _, d := range c.lastSeen(false).Spec.Databases {
		all = append(all, d.Name)
	}
	return all
}

// candidates are the names inside the App that a host name can stand for. The short name comes first, so that a
// service named "shop-api" of the App "shop" is found although "api" may exist as well.
//
// In a copy of an App, the full names of the App are those of the copy.
func (c *Client) candidates(app *v1alpha1.App, host string) []string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for _, suffix := range []string{".svc.cluster.local", ".svc"} {
		if rest, found := strings.CutSuffix(host, suffix); found {
			host = rest
			break
		}
	}
	host = strings.TrimSuffix(host, "."+c.key.Namespace)
	names := []string{host}
	for _, prefix := range []string{app.Name, app.Annotations[v1alpha1.AnnotationCopyOf]} {
		if full, found := strings.CutPrefix(host, prefix+"-"); found && prefix != "" {
			names = append(names, full)
		}
	}
	return names
}

func databasePort(d *v1alpha1.DatabaseSpec) int32 {
	if d.Port == 0 {
		return defaultDatabasePort
	}
	return d.Port
}
