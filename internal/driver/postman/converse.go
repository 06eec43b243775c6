/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package postman

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// event is a line of run.js. Which fields are set depends on the kind.
type event struct {
	Event        string           `json:"event"`
	ID           int              `json:"id"`
	Host         string           `json:"host"`
	Request      string           `json:"request"`
	Code         int              `json:"code"`
	Status       string           `json:"status"`
	Milliseconds float64          `json:"milliseconds"`
	Test         string           `json:"test"`
	Level        string           `json:"level"`
	Message      string           `json:"message"`
	Stats        map[string]Count `json:"stats"`
	Failures     []Failure        `json:"failures"`
	Duration     float64          `json:"duration"`
}

type target struct {
	Host string `json:"host"`
	Port int32  `json:"port"`
}

// converse sends the request, answers the lookups of hosts and passes on what happens, until there is a report. An
// end of the events before that is io.EOF.
func (p *process) converse(req *request, hosts Resolver, out io.Writer) (*Report, error) {
	if err := encode(p.stdin, req); err != nil {
		return nil, errors.Join(io.EOF, err)
	}
	events := json.NewDecoder(p.events)
	for {
		var e event
		if err := events.Decode(&e); err != nil {
			return nil, fmt.Errorf("reading from Newman: %w", eof(err))
		}
		switch e.Event {
		case "resolve":
			if err := p.answer(e, hosts); err != nil {
				return nil, errors.Join(io.EOF, err)
			}
		case "report":
			return &Report{
				Stats:    e.Stats,
				Failures: e.Failures,
				Duration: time.Duration(e.Duration * float64(time.Millisecond)),
			}, nil
		case "error":
			return nil, errors.New(e.Message)
		default:
			if err := e.print(out); err != nil {
				return nil, fmt.Errorf("writing the output: %w", err)
			}
		}
	}
}

// eof makes half a line, which a killed process leaves behind, the same as none.
func eof(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}

func (p *process) answer(e event, hosts Resolver) error {
	reply := struct {
		ID     int     `json:"id"`
		Target *target `json:"target,omitempty"`
	}{ID: e.ID}
	if hosts != nil {
		if host, port, ok := hosts.Resolve(e.Host); ok {
			reply.Target = &target{Host: host, Port: port}
		}
	}
	return encode(p.stdin, reply)
}

func (e event) print(out io.Writer) error {
	var err error
	switch {
	case e.Event == "request" && e.Message != "":
		_, err = fmt.Fprintf(out, "%s ✗ %s\n", e.Request, e.Message)
	case e.Event == "request":
		_, err = fmt.Fprintf(out, "%s %s %s\n", e.Request, strings.TrimSpace(fmt.Sprint(e.Code, " ", e.Status)),
			time.Duration(e.Milliseconds*float64(time.Millisecond)).Round(time.Millisecond))
	case e.Event == "failure":
		_, err = fmt.Fprintf(out, "  ✗ %s: %s\n", e.Test, e.Message)
	case e.Event == "console":
		_, err = fmt.Fprintf(out, "  %s: %s\n", e.Level, e.Message)
	}
	return err
}
