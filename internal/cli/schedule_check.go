/*
Copyright 2026 The TOPAS Authors.
SPDX-License-Identifier: Apache-2.0
*/

package cli

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/topas-dev/topas/api/v1alpha1"
)

// What the API allows. It is checked here too, because an error that names the flag is worth more than one that names the field.
const (
	minTimeout  = time.Second
	maxTimeout  = 24 * time.Hour
	maxPriority = 1000
	maxRetries  = 10
	maxSecrets  = 32
	maxTTL      = math.MaxInt32 * time.Second
)

// ownLabels begin the names of labels that TOPAS sets.
const ownLabels = "topas.dev/"

var isolations = []v1alpha1.Isolation{v1alpha1.IsolationShared, v1alpha1.IsolationExclusive, v1alpha1.IsolationEphemeral}

// secretName is the rule for spec.secrets in the TestRun's CRD.
var secretName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

func (o *scheduleOptions) checkSource(cmd *cobra.Command) error {
	switch {
	case o.script == "" && o.gitURL == "" && o.gitPath == "" && o.gitRevision == "" && o.gitSecret == "":
		return usage(cmd, "give the test either by --script, or by --git and --git-path")
	case o.script != "" && (o.gitURL != "" || o.gitPath != "" || o.gitRevision != "" || o.gitSecret != ""):
		return usage(cmd, "--script and --git can't be given together: a test has one source")
	case o.script != "":
		return nil
	case o.gitURL == "":
		return usage(cmd, "--git is missing: give the URL of the repository")
	case o.gitPath == "":
		return usage(cmd, "--git-path is missing: give the path of the script inside the repository")
	}
	return nil
}

func (o *scheduleOptions) checkApp(cmd *cobra.Command) error {
	if o.spec.AppName == "" {
		return usage(cmd, "--app is missing: name the App to test")
	}
	if wrong := validation.IsDNS1035Label(o.spec.AppName); len(wrong) > 0 {
		return usage(cmd, "--app is %q, must be the name of an App: %s", o.spec.AppName, wrong[0])
	}
	return nil
}

func (o *scheduleOptions) checkTimeout(cmd *cobra.Command) error {
	given := o.spec.Timeout
	if given == "" {
		return nil
	}
	d, err := time.ParseDuration(given)
	if err != nil || d < minTimeout || d > maxTimeout {
		return usage(cmd, "--timeout is %q, must be a duration from 1s to 24h, such as 90s or 10m", given)
	}
	return nil
}

func (o *scheduleOptions) completeNumbers(cmd *cobra.Command) error {
	var err error
	if o.spec.Priority, err = number(o.priority, -maxPriority, maxPriority); err != nil {
		return usage(cmd, "--priority is %q, must be a number from %d to %d", o.priority, -maxPriority, maxPriority)
	}
	if o.spec.Retries, err = number(o.retries, 0, maxRetries); err != nil {
		return usage(cmd, "--retries is %q, must be a number from 0 to %d", o.retries, maxRetries)
	}
	return nil
}

// number reads a number between two bounds; nothing given is 0.
func number(given string, least, most int64) (int32, error) {
	if given == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(given, 10, 32)
	if err == nil && (n < least || n > most) {
		err = strconv.ErrRange
	}
	return int32(n), err
}

func (o *scheduleOptions) completeIsolation(cmd *cobra.Command) error {
	if o.isolation == "" {
		return nil
	}
	i := slices.IndexFunc(isolations, func(known v1alpha1.Isolation) bool { return strings.EqualFold(string(known), o.isolation) })
	if i < 0 {
		return usage(cmd, "--isolation is %q, must be shared, exclusive or ephemeral", o.isolation)
	}
	o.spec.Isolation = isolations[i]
	return nil
}

func (o *scheduleOptions) completeTTL(cmd *cobra.Command) error {
	if o.ttl == "" {
		return nil
	}
	ttl, err := time.ParseDuration(o.ttl)
	if err != nil || ttl < 0 || ttl > maxTTL || ttl%time.Second != 0 {
		return usage(cmd, "--ttl is %q, must be a duration of whole seconds, such as 30m or 24h, or 0 to delete the run at its end", o.ttl)
	}
	seconds := int32(ttl / time.Second)
	o.spec.TTLSecondsAfterFinished = &seconds
	return nil
}

func (o *scheduleOptions) checkSecrets(cmd *cobra.Command) error {
	given := o.spec.Secrets
	if len(given) > maxSecrets {
		return usage(cmd, "--secret is given %d times, may be given %d times", len(given), maxSecrets)
	}
	for i, name := range given {
		if !secretName.MatchString(name) || len(name) > validation.DNS1123SubdomainMaxLength {
			return usage(cmd, "--secret is %q, must be the name of a Secret: lower case letters, digits, '-' and '.'", name)
		}
		if slices.Contains(given[:i], name) {
			return usage(cmd, "--secret %s is given twice", name)
		}
	}
	return nil
}

func (o *scheduleOptions) completeParams(cmd *cobra.Command) error {
	var err error
	o.spec.Params, err = pairs(cmd, "--param", o.param)
	return err
}

func (o *scheduleOptions) completeLabels(cmd *cobra.Command) error {
	var err error
	if o.labels, err = pairs(cmd, "--label", o.label); err != nil {
		return err
	}
	for name, value := range o.labels {
		if strings.HasPrefix(name, ownLabels) {
			return usage(cmd, "--label is %q, must not begin with %s: TOPAS sets these itself", name+"="+value, ownLabels)
		}
		wrong := append(validation.IsQualifiedName(name), validation.IsValidLabelValue(value)...)
		if len(wrong) > 0 {
			return usage(cmd, "--label is %q, must be a label, such as team=shop: %s", name+"="+value, wrong[0])
		}
	}
	return nil
}

// pairs reads what was given as NAME=VALUE.
func pairs(cmd *cobra.Command, flag string, all []string) (map[string]string, error) {
	var read map[string]string
	for _, given := range all {
		name, value, ok := strings.Cut(given, "=")
		if !ok || name == "" {
			return nil, usage(cmd, "%s is %q, must be NAME=VALUE", flag, given)
		}
		if _, twice := read[name]; twice {
			return nil, usage(cmd, "%s %s is given twice", flag, name)
		}
		if read == nil {
			read = map[string]string{}
		}
		read[name] = value
	}
	return read, nil
}
