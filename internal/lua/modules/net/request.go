/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package net

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	lua "github.com/yuin/gopher-lua"

	driver "github.com/topas-dev/topas/internal/driver/net"
	"github.com/topas-dev/topas/internal/lua/convert"
)

// defaultRedirects is how many redirects are followed unless the option redirects says otherwise.
const defaultRedirects = 10

// httpOptions are the options of a request.
type httpOptions struct {
	Headers   map[string]any `lua:"headers"`
	Query     map[string]any `lua:"query"`
	Body      *string        `lua:"body"`
	JSON      lua.LValue     `lua:"json"`
	Form      map[string]any `lua:"form"`
	Timeout   time.Duration  `lua:"timeout"`
	Redirects any            `lua:"redirects"`
	Auth      *struct {
		User     string `lua:"user,required"`
		Password string `lua:"password"`
	} `lua:"auth"`
	Bearer string      `lua:"bearer"`
	TLS    *tlsOptions `lua:"tls"`
	Raise  bool        `lua:"raise"`
}

// request sends a request; its URL is the argument n, its options follow.
func (m *Module) request(L *lua.LState, method string, n int) int {
	target := L.CheckString(n)
	var options httpOptions
	convert.CheckOptions(L, n+1, &options)
	request, err := options.request(method, target)
	if err == nil {
		request.Jar = m.jar
		request.TLS, err = m.tls(options.TLS)
	}
	if err != nil {
		L.ArgError(n+1, err.Error())
	}
	started := time.Now()
	response, err := m.driver.Do(L.Context(), *request)
	if err != nil {
		note(L, method+" "+target, "no answer", started)
		convert.Raise(L, err)
	}
	note(L, method+" "+target, strconv.Itoa(response.Code), started)
	if options.Raise && response.Code >= http.StatusBadRequest {
		convert.Raise(L, fmt.Errorf("%s %s: %s: %s", method, target, response.Status, excerpt(response.Body)))
	}
	L.Push(newResponse(L, response))
	return 1
}

// note keeps what became of a request, for what fails after it.
func note(L *lua.LState, request, answer string, started time.Time) {
	convert.NoteRequest(L, fmt.Sprintf("%s -> %s in %s", request, answer, time.Since(started).Round(time.Millisecond)))
}

func (o *httpOptions) request(method, target string) (*driver.Request, error) {
	request := &driver.Request{Method: method, URL: target, Timeout: o.Timeout, Headers: http.Header{}}
	if o.Auth != nil {
		request.User, request.Password = o.Auth.User, o.Auth.Password
	}
	if o.Auth != nil && o.Bearer != "" {
		return nil, errors.New(`options "auth" and "bearer" exclude each other`)
	}
	if o.Bearer != "" {
		request.Headers.Set("Authorization", "Bearer "+o.Bearer)
	}
	var err error
	if request.MaxRedirects, err = redirects(o.Redirects); err != nil {
		return nil, err
	}
	if request.Query, err = values("query", o.Query); err != nil {
		return nil, err
	}
	if request.Body, err = o.body(request.Headers); err != nil {
		return nil, err
	}
	headers, err := values("headers", o.Headers)
	for name, list := range headers {
		request.Headers[http.CanonicalHeaderKey(name)] = list
	}
	return request, err
}

// body encodes the one of the options that gives the body, and sets its content type.
func (o *httpOptions) body(headers http.Header) ([]byte, error) {
	given := 0
	for _, is := range []bool{o.Body != nil, o.JSON != nil, o.Form != nil} {
		if is {
			given++
		}
	}
	switch {
	case given > 1:
		return nil, errors.New(`options "body", "json" and "form" exclude each other`)
	case o.Body != nil:
		return []byte(*o.Body), nil
	case o.Form != nil:
		headers.Set("Content-Type", "application/x-www-form-urlencoded")
		form, err := values("form", o.Form)
		return []byte(form.Encode()), err
	case o.JSON != nil:
		headers.Set("Content-Type", "application/json")
		value, err := convert.ToGo(o.JSON)
		if err != nil {
			return nil, fmt.Errorf("option json: %w", err)
		}
		encoded, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("option json: %w", err)
		}
		return encoded, nil
	}
	return nil, nil
}

// redirects reads how many redirects are followed: true, false or a number.
func redirects(option any) (int, error) {
	switch v := option.(type) {
	case nil:
		return defaultRedirects, nil
	case bool:
		if v {
			return defaultRedirects, nil
		}
		return 0, nil
	case int64:
		if v >= 0 && v <= 100 {
			return int(v), nil
		}
	}
	return 0, fmt.Errorf(`option "redirects": want true, false or how many to follow, 0 to 100, got %v`, option)
}

// values makes the strings of query parameters, headers and form fields, each of which may have several.
func values(option string, fields map[string]any) (url.Values, error) {
	converted := make(url.Values, len(fields))
	for name, field := range fields {
		items, isList := field.([]any)
		if !isList {
			items = []any{field}
		}
		for _, item := range items {
			text, err := scalar(item)
			if err != nil {
				return nil, fmt.Errorf(`option "%s.%s": %w`, option, name, err)
			}
			converted[name] = append(converted[name], text)
		}
	}
	return converted, nil
}

func scalar(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", errors.New("want a string, a number, true, false or a list of these")
}
