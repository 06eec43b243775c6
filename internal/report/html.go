/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package report

import (
	_ "embed"
	"html/template"
	"io"
	"strings"
	"time"
)

//go:embed report.gohtml
var page string

var pageTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"lower": func(s State) string { return strings.ToLower(string(s)) },
	"when":  func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") },
}).Parse(page))

// WriteHTML writes a page for people that needs nothing but itself: no script, no network.
func (r *Report) WriteHTML(w io.Writer) error { return pageTemplate.Execute(w, r) }
