/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

// setting is a flag that may be given as an environment variable as well, which is how the manager gives it.
type setting struct {
	flag, variable, usage string
	value                 *string
	optional              bool
}

func addFlags(cmd *cobra.Command, settings []setting) {
	for _, s := range settings {
		cmd.Flags().StringVar(s.value, s.flag, "", fmt.Sprintf("%s (environment variable %s)", s.usage, s.variable))
	}
}

// complete takes from the environment what no flag gave. The values are no defaults of the flags, because the help
// shows those and a URL may hold a password.
func complete(settings []setting) error {
	for _, s := range settings {
		if *s.value == "" {
			*s.value = os.Getenv(s.variable)
		}
		if *s.value == "" && !s.optional {
			return fmt.Errorf("%s is missing: set the environment variable %s or the flag --%s", s.usage, s.variable, s.flag)
		}
	}
	return nil
}
